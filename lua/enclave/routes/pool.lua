-- Pools: filling one, calling a tool in it, its end.
local events = require "enclave.http.events"
local policy = require "enclave.http.policy"

local numbers = { "max_size", "max_waiters", "max_uses", "max_age", "idle_ttl" }

local function initialize(request, server)
  local given, err = request:json_object()
  if not given then
    return nil, err
  end
  local options = { name = request.query.pool }
  options.sandbox_type, err = policy.sandbox_type(server.policy, request.query.sandbox_type)
  if not options.sandbox_type then
    return nil, err
  end
  options.config, err = policy.config(server.policy, given, options.sandbox_type)
  if not options.config then
    return nil, err
  end
  options.pool_size, err = request:number("pool_size")
  for _, name in ipairs(numbers) do
    if not err then
      options[name], err = request:number(name)
    end
  end
  if err then
    return nil, err
  end
  options.pool_size = options.pool_size or 1
  if not server.manager.pools[options.name or "default"] then
    local fine
    fine, err = policy.room(server, policy.most_of(options))
    if not fine then
      return nil, err
    end
  end
  local ids
  ids, err = server.manager:initialize_pool(options)
  if not ids then
    return nil, policy.bad_request(err)
  end
  local handed, entry = {}, server.manager.pools[options.name or "default"]
  for _, id in ipairs(ids) do
    handed[id] = true
  end
  if entry then
    entry.handed = handed -- see routes/sandbox.lua
  end
  return { message = err and ("Pool initialized in part: " .. err.message)
    or "Pool initialized successfully", pool_size = #ids,
    problem = err and { code = err.code, detail = err.message },
    sandbox_ids = require("enclave.json").array(ids) }
end

return {
  name = "pool", api = 1,
  routes = {
    { "POST", "/pool/initialize", initialize, { summary = "Fill a pool with warm sandboxes",
      body = { ["application/json"] = "SandboxConfig" }, fails = { 400 },
      query = { pool = { type = "string", default = "default" },
        sandbox_type = { type = "string", default = "docker" },
        pool_size = { type = "integer", minimum = 0, default = 1 },
        max_size = { type = "integer", minimum = 1 },
        max_waiters = { type = "integer", minimum = 1 },
        max_uses = { type = "integer", minimum = 0 },
        max_age = { type = "number", minimum = 0 },
        idle_ttl = { type = "number", minimum = 0 } },
      reply = { ["application/json"] = { type = "object",
        required = { "message", "pool_size", "sandbox_ids" } } } } },
    { "DELETE", "/pool", function(request, server)
      local fine, err = server.manager:close_pool(request.query.pool)
      return fine and { message = "Pool closed" }, err
    end, { summary = "End a pool, and what waits and runs in it", fails = { 404 },
      query = { pool = { type = "string", default = "default" } },
      reply = { ["application/json"] = { type = "object", required = { "message" } } } } },
    { "POST", "/pool/execute", function(request, server)
      local parameters, err = request:json_object()
      if not parameters then
        return nil, err
      end
      local name, timeout, stream
      name, err = request:required("tool_name")
      if not name then
        return nil, err
      end
      stream, err = request:flag("stream")
      if err then
        return nil, err
      end
      timeout, err = request:number("timeout")
      if err then
        return nil, err
      end
      parameters = policy.parameters(server.policy, parameters)
      local options = { timeout = timeout, pool = request.query.pool }
      if not stream then
        return request:result(server.manager:execute_tool_in_pool(name, parameters, options))
      end
      return events.run(request, function(output)
        for kind, listener in pairs(output) do
          options[kind] = listener
        end
        return server.manager:execute_tool_in_pool(name, parameters, options)
      end)
    end, { summary = "Run a tool in a sandbox of a pool", runs_tool = true, body_required = true,
      body = { ["application/json"] = "ToolParameters" }, fails = { 400, 404, 408, 503 },
      query = { tool_name = { type = "string", required = true },
        timeout = { type = "number", minimum = 0, description = "Seconds to wait for a sandbox" },
        pool = { type = "string", default = "default" },
        stream = { type = "boolean", description = "As server-sent events: stdout, stderr,"
          .. " progress; then result or error" } },
      reply = { ["application/json"] = "Result", ["text/event-stream"] = { type = "string" } } } },
  },
}
