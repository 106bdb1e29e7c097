-- Tools as the APIs of models want them described.
local errors = require "enclave.errors"
local json = require "enclave.json"
local suggest = require "enclave.suggest"

local schemas = {}

---@type table<string, fun(tool: enclave.Tool): table>
schemas.formats = {
  openai = function(tool)
    return { type = "function", ["function"] = { name = tool.name,
      description = tool.description, parameters = tool.parameters } }
  end,
  anthropic = function(tool)
    return { name = tool.name, description = tool.description, input_schema = tool.parameters }
  end,
}

---@param tools enclave.Tool[]
---@param format string
---@param op string
---@return table[]
function schemas.list(tools, format, op)
  local convert = schemas.formats[format]
  if not convert then
    errors.throw(op, ("format: expected one of %s, got %s"):format(
      table.concat(suggest.names(schemas.formats), ", "), errors.show(format)))
  end
  local list = json.array()
  for i, tool in ipairs(tools) do
    list[i] = convert(tool)
  end
  return list
end

return schemas
