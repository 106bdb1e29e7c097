-- Checks what a plugin file returned: a tool or a hook. Each message names the file, the
-- field, the value and what was expected.
local errors = require "enclave.errors"
local schema = require "enclave.schema"
local suggest = require "enclave.suggest"

local definitions = {}

local api = 1

local tool_fields = {
  name = "string", version = "string|nil", api = "number", description = "string|nil",
  parameters = "table|nil", sandbox_types = "table|nil", warm = "table|nil",
  execute = "function",
}
local hook_fields = {
  name = "string", version = "string|nil", api = "number", description = "string|nil",
  priority = "number|nil", on_create = "function|nil", on_borrow = "function|nil",
  on_return = "function|nil", on_destroy = "function|nil",
}

---@type string[]
definitions.events = { "on_create", "on_borrow", "on_return", "on_destroy" }

local words = { string = "a string", number = "a number", table = "a table",
  ["function"] = "a function" }

-- nil, or what is wrong.
local function check_fields(definition, fields)
  for name, kinds in pairs(fields) do
    local value = definition[name]
    local wanted = kinds:match("^%a+")
    if type(value) ~= wanted and not (value == nil and kinds:find("|nil", 1, true)) then
      return value == nil and ("%s: missing; expected %s"):format(name, words[wanted])
        or ("%s: expected %s, got %s"):format(name, words[wanted], errors.show(value))
    end
  end
  for name in pairs(definition) do
    if not fields[name] then
      return ('unknown field "%s"%s'):format(tostring(name),
        suggest.hint(tostring(name), suggest.names(fields)))
    end
  end
  if definition.api ~= api then
    return ("api: expected %d, got %s"):format(api, errors.show(definition.api))
  elseif not definition.name:find("^[%a_][%w_.-]*$") then
    return ("name: expected a letter, then letters, digits, _ . -, got %s"):format(
      errors.show(definition.name))
  end
end

local function check_strings(name, list)
  for key, value in pairs(list or {}) do
    if math.type(key) ~= "integer" or type(value) ~= "string" then
      return ("%s: expected a list of strings, got %s"):format(name, errors.show(value))
    end
  end
end

local function set_of(list)
  if not list then
    return nil
  end
  local set = {}
  for _, name in ipairs(list) do
    set[name] = true
  end
  return set
end

---@class enclave.Tool
---@field name string
---@field version string
---@field description string
---@field parameters table JSON Schema
---@field validate enclave.Validator
---@field sandbox_types? table<string, true> nil: every type
---@field warm string[]
---@field execute fun(sandbox: enclave.Sandbox, parameters: table, context: table): any, any
---@field path string
---@field builtin? boolean

---@param definition table
---@param path string
---@return enclave.Tool|nil
---@return string? problem
function definitions.tool(definition, path)
  local problem = check_fields(definition, tool_fields)
    or check_strings("sandbox_types", definition.sandbox_types)
    or check_strings("warm", definition.warm)
  if problem then
    return nil, ("%s: %s"):format(path, problem)
  end
  local parameters = definition.parameters or { type = "object" }
  if parameters.type ~= "object" then
    return nil, ("%s: parameters.type: expected \"object\", got %s"):format(path,
      errors.show(parameters.type))
  end
  local validate
  validate, problem = schema.compile(parameters)
  if not validate then
    return nil, ("%s: %s"):format(path, problem)
  end
  return {
    name = definition.name,
    version = definition.version or "0",
    description = definition.description or "",
    parameters = parameters,
    validate = validate,
    sandbox_types = set_of(definition.sandbox_types),
    warm = definition.warm or {},
    execute = definition.execute,
    path = path,
  }
end

---@class enclave.Hook
---@field name string
---@field priority number lower runs earlier
---@field on_create? fun(sandbox: enclave.Sandbox, context: table): any, any
---@field on_borrow? fun(sandbox: enclave.Sandbox, context: table): any, any
---@field on_return? fun(sandbox: enclave.Sandbox, context: table): any, any
---@field on_destroy? fun(sandbox: enclave.Sandbox, context: table): any, any
---@field path string
---@field builtin? boolean

---@param definition table
---@param path string
---@return enclave.Hook|nil
---@return string? problem
function definitions.hook(definition, path)
  local problem = check_fields(definition, hook_fields)
  local hook = { name = definition.name, priority = definition.priority or 0, path = path }
  local events = 0
  for _, event in ipairs(definitions.events) do
    hook[event] = definition[event]
    events = events + (definition[event] and 1 or 0)
  end
  if not problem and events == 0 then
    problem = "expected at least one of " .. table.concat(definitions.events, ", ")
  end
  if problem then
    return nil, ("%s: %s"):format(path, problem)
  end
  return hook
end

return definitions
