-- What is wrong with a JSON Schema of a tool: every problem with the place it is at. Only
-- keywords that the validator checks are accepted, so nothing is silently left unchecked.
local errors = require "enclave.errors"
local suggest = require "enclave.suggest"
local types = require "enclave.schema.types"

---@class enclave.Problem
---@field at string path of the field: "parameters.properties.code.type", "" for the whole
---@field message string

local schema_check = {}

local walk -- forward

local function fault(problems, at, ...)
  problems[#problems + 1] = { at = at, message = string.format(...) }
end

local function is_list(value)
  return type(value) == "table" and #value > 0
end

local function check_type(wanted, at, problems)
  for _, name in ipairs(type(wanted) == "table" and wanted or { wanted }) do
    if not types.known[name] then
      fault(problems, at, "expected one of %s, got %s",
        table.concat(suggest.names(types.known), ", "), errors.show(name))
    end
  end
end

local function check_enum(choices, at, problems)
  if not is_list(choices) then
    fault(problems, at, "expected a list of values, got %s", errors.show(choices))
    return
  end
  for _, choice in ipairs(choices) do
    if type(choice) == "table" then
      fault(problems, at, "lists and objects are not supported as choices")
      return
    end
  end
end

local function must_be(kind)
  return function(value, at, problems)
    if type(value) ~= kind then
      fault(problems, at, "expected a %s, got %s", kind, errors.show(value))
    end
  end
end

local check_number, check_text = must_be("number"), must_be("string")

local function check_required(names, at, problems)
  if type(names) ~= "table" then
    fault(problems, at, "expected a list of names, got %s", errors.show(names))
    return
  end
  for key, name in pairs(names) do
    if math.type(key) ~= "integer" or type(name) ~= "string" then
      fault(problems, at, "expected a list of names, got %s", errors.show(name))
    end
  end
end

local function check_properties(properties, at, problems)
  if type(properties) ~= "table" then
    fault(problems, at, "expected a table, got %s", errors.show(properties))
    return
  end
  for name in pairs(properties) do
    if type(name) ~= "string" then
      fault(problems, at, "expected names with schemas, got %s", errors.show(name))
    end
  end
  for _, name in ipairs(suggest.names(properties)) do
    walk(properties[name], at .. "." .. name, problems)
  end
end

local function check_others(value, at, problems)
  if type(value) ~= "boolean" then
    walk(value, at, problems)
  end
end

local function check_alternatives(list, at, problems)
  if not is_list(list) then
    fault(problems, at, "expected a list of schemas, got %s", errors.show(list))
    return
  end
  for i, alternative in ipairs(list) do
    walk(alternative, ("%s[%d]"):format(at, i), problems)
  end
end

local function anything() end

local keywords = {
  type = check_type, enum = check_enum, const = anything, required = check_required,
  properties = check_properties, additionalProperties = check_others,
  items = function(...) walk(...) end,
  anyOf = check_alternatives, oneOf = check_alternatives,
  minimum = check_number, maximum = check_number, exclusiveMinimum = check_number,
  exclusiveMaximum = check_number, minLength = check_number, maxLength = check_number,
  minItems = check_number, maxItems = check_number,
  description = check_text, title = check_text, default = anything, examples = anything,
  deprecated = anything, ["$comment"] = anything, ["$schema"] = anything,
}

function walk(node, at, problems)
  if type(node) ~= "table" then
    fault(problems, at, "expected a schema (a table), got %s", errors.show(node))
    return
  end
  for name in pairs(node) do
    if not keywords[name] then
      fault(problems, at .. "." .. tostring(name), "unknown keyword%s",
        suggest.hint(tostring(name), suggest.names(keywords)))
    end
  end
  for _, name in ipairs(suggest.names(node)) do
    if keywords[name] then
      keywords[name](node[name], at .. "." .. name, problems)
    end
  end
end

---@param node any
---@param at string how the schema is called
---@return enclave.Problem[]
function schema_check.problems(node, at)
  local problems = {}
  walk(node, at, problems)
  return problems
end

return schema_check
