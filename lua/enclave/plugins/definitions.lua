-- Checks what a plugin file returned: a tool, a hook, or HTTP routes. Each problem names the field,
-- the value and what was expected.
local errors = require "enclave.errors"
local json = require "enclave.json"
local language_definition = require "enclave.multi_code.language"
local schema = require "enclave.schema"
local suggest = require "enclave.suggest"

local definitions = {}

local api = 1

---Fields of a tool, and what they may be.
definitions.tool_fields = {
  name = "string", version = "string|nil", api = "number", description = "string|nil",
  parameters = "table|nil", config = "table|nil", sandbox_types = "table|nil",
  warm = "table|nil", secrets = "table|nil", budget = "number|nil", execute = "function",
}
---Fields of a hook.
definitions.hook_fields = {
  name = "string", version = "string|nil", api = "number", description = "string|nil",
  priority = "number|nil", on_create = "function|nil", on_borrow = "function|nil",
  on_return = "function|nil", on_destroy = "function|nil",
}

---@type string[]
definitions.events = { "on_create", "on_borrow", "on_return", "on_destroy" }

---Instructions of the Lua machine that one call of a tool or hook may execute: about a second.
definitions.budget = 200000000

local words = { string = "a string", number = "a number", table = "a table",
  ["function"] = "a function" }

local function adder(problems)
  return function(at, message, ...)
    problems[#problems + 1] = { at = at, message = message:format(...) }
  end
end

local function check_fields(definition, fields, add)
  for _, name in ipairs(suggest.names(fields)) do
    local kinds, value = fields[name], definition[name]
    local wanted = kinds:match("^%a+")
    if value == nil and not kinds:find("|nil", 1, true) then
      add(name, "missing; expected %s", words[wanted])
    elseif value ~= nil and type(value) ~= wanted then
      add(name, "expected %s, got %s", words[wanted], errors.show(value))
    end
  end
  for name in pairs(definition) do
    if not fields[name] then
      add(tostring(name), "unknown field%s", suggest.hint(tostring(name), suggest.names(fields)))
    end
  end
  if type(definition.api) == "number" and definition.api ~= api then
    add("api", "expected %d, got %s", api, errors.show(definition.api))
  end
  if type(definition.name) == "string" and not definition.name:find("^[%a_][%w_.-]*$") then
    add("name", "expected a letter, then letters, digits, _ . -, got %s",
      errors.show(definition.name))
  end
end

local function check_strings(definition, name, pattern, add)
  local list = definition[name]
  for key, value in pairs(type(list) == "table" and list or {}) do
    if math.type(key) ~= "integer" or type(value) ~= "string" then
      add(name, "expected a list of strings, got %s", errors.show(value))
    elseif not value:find(pattern) then
      add(name, "expected names, got %s", errors.show(value))
    end
  end
end

local function check_object_schema(node, name, add)
  if type(node) ~= "table" then
    return
  elseif node.type ~= "object" then
    add(name .. ".type", 'expected "object", got %s', errors.show(node.type))
  end
  for _, problem in ipairs(schema.problems(node, name)) do
    add(problem.at, "%s", problem.message)
  end
end

-- As the APIs of models want a schema: a list that is empty is one in JSON, too.
local function mark_lists(node)
  if type(node) ~= "table" then
    return
  end
  for name, list in pairs({ required = node.required,
    default = node.type == "array" and node.default or nil }) do
    if type(list) == "table" and next(list) == nil and not getmetatable(list) then
      node[name] = json.array()
    end
  end
  for _, member in pairs(node.properties or {}) do
    mark_lists(member)
  end
  for _, list in ipairs({ node.anyOf or {}, node.oneOf or {}, { node.items },
    { node.additionalProperties } }) do
    for _, member in ipairs(list) do
      mark_lists(member)
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

---@alias enclave.Execute fun(sandbox: enclave.Sandbox, parameters: table,
--- context: enclave.ToolContext): any, any

---@class enclave.Tool
---@field name string
---@field version string
---@field description string
---@field parameters table JSON Schema
---@field validate enclave.Validator
---@field config? table JSON Schema of its entry in tools_config; nil: anything
---@field validate_config enclave.Validator
---@field sandbox_types? table<string, true> nil: every type
---@field warm string[]
---@field secrets string[] what it needs from the host
---@field budget integer instructions that one call may execute
---@field execute enclave.Execute
---@field path string
---@field builtin? boolean

---@param definition table
---@param path string
---@return enclave.Tool|nil
---@return enclave.Problem[]? problems all of them
function definitions.tool(definition, path)
  local problems = {}
  local add = adder(problems)
  check_fields(definition, definitions.tool_fields, add)
  check_strings(definition, "sandbox_types", ".", add)
  check_strings(definition, "warm", ".", add)
  check_strings(definition, "secrets", "^[%a_][%w_]*$", add)
  local parameters = definition.parameters or { type = "object", properties = {} }
  check_object_schema(parameters, "parameters", add)
  check_object_schema(definition.config, "config", add)
  local budget = math.tointeger(definition.budget or definitions.budget)
  if type(definition.budget) == "number" and not (budget and budget > 0) then
    add("budget", "expected a whole number of instructions, got %s",
      errors.show(definition.budget))
  end
  if #problems > 0 then
    return nil, problems
  end
  mark_lists(parameters)
  parameters.properties = parameters.properties or {} -- which OpenAI wants
  return {
    name = definition.name,
    version = definition.version or "0",
    description = definition.description or "",
    parameters = parameters,
    validate = schema.compile(parameters),
    config = definition.config,
    validate_config = schema.compile(definition.config or { type = "object" }, "config"),
    sandbox_types = set_of(definition.sandbox_types),
    warm = definition.warm or {},
    secrets = definition.secrets or {},
    budget = budget,
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
---@return enclave.Problem[]? problems all of them
function definitions.hook(definition, path)
  local problems = {}
  local add = adder(problems)
  check_fields(definition, definitions.hook_fields, add)
  local hook = { name = definition.name, priority = definition.priority or 0, path = path }
  local events = 0
  for _, event in ipairs(definitions.events) do
    hook[event] = definition[event]
    events = events + (definition[event] and 1 or 0)
  end
  if #problems == 0 and events == 0 then
    add("", "expected at least one of %s", table.concat(definitions.events, ", "))
  end
  if #problems > 0 then
    return nil, problems
  end
  return hook
end

---Fields of a file of HTTP routes.
definitions.route_fields = { name = "string", api = "number", description = "string|nil",
  routes = "table" }

-- What a request has of its own, where a placeholder's value would be lost or in the way.
local own_fields = {}
for name in ("method path query body headers uri reply begun more max_json begin json_object"
  .. " checked number flag required result"):gmatch("%S+") do
  own_fields[name] = true
end

-- What is wrong with the placeholders of a path.
local function placeholder_problem(pattern)
  for part in pattern:gmatch("[^/]+") do
    local name = part:match("^{([%a_]+)}$")
    if own_fields[name] then
      return ("the request has a %s of its own; name the placeholder otherwise"):format(name)
    elseif not name and part:find("[{}]") then
      return ("expected a placeholder to be a whole part, {name} of letters and _, got %s"):format(
        errors.show(part))
    end
  end
end

---@param definition table
---@return enclave.Route[]|nil
---@return enclave.Problem[]? problems
function definitions.route(definition)
  local problems, list = {}, {}
  local add = adder(problems)
  check_fields(definition, definitions.route_fields, add)
  local given = type(definition.routes) == "table" and definition.routes or {}
  for i, route in ipairs(given) do
    local fields = type(route) == "table" and route or {}
    local method, pattern, handler, info = table.unpack(fields, 1, 4)
    if type(method) ~= "string" or not method:find("^%u+$") or type(pattern) ~= "string"
      or pattern:sub(1, 1) ~= "/" or type(handler) ~= "function"
      or type(info or {}) ~= "table" then
      add(("routes[%d]"):format(i), 'expected { "GET", "/path/{id}", function, { summary = … } }')
    elseif placeholder_problem(pattern) then
      add(("routes[%d]"):format(i), "%s: %s", pattern, placeholder_problem(pattern))
    end
    list[i] = { method = method, pattern = pattern, handler = handler, info = info or {} }
  end
  if #problems > 0 then
    return nil, problems
  end
  return list
end

definitions.language = language_definition.read

---@param problem enclave.Problem
---@return string
function definitions.text(problem)
  return problem.at == "" and problem.message or problem.at .. ": " .. problem.message
end

return definitions
