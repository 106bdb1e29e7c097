-- The tools that the server knows, in the forms that the APIs of models take.
local errors = require "enclave.errors"
local policy = require "enclave.http.policy"
local schemas = require "enclave.schemas"
local suggest = require "enclave.suggest"
local toolset = require "enclave.toolset"

local formats = suggest.names(schemas.formats)

return {
  name = "tools", api = 1,
  routes = {
    { "GET", "/tools", function(request, server)
      local format = request.query.format or "openai"
      local kind, err = policy.sandbox_type(server.policy, request.query.sandbox_type)
      if not kind then
        return nil, err
      elseif not schemas.formats[format] then
        return nil, errors.new("invalid", ("format: expected one of %s, got %s"):format(
          table.concat(formats, ", "), errors.show(format)), "tools")
      end
      local tools = assert(toolset.new(server.manager.registry, kind, nil, "tools"))
      return schemas.list(tools:list(), format, "tools")
    end, { summary = "The tools, as the API of a model takes them", fails = { 400 },
      query = { format = { type = "string", enum = formats, default = "openai" },
        sandbox_type = { type = "string", default = "docker" } },
      reply = { ["application/json"] = { type = "array", items = { type = "object" } } } } },
  },
}
