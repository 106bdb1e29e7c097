-- The types of JSON Schema as tests of Lua values.
local json = require "enclave.json"

local types = {}

local function is_list(value)
  local length, count = #value, 0
  for key in next, value do
    if math.type(key) ~= "integer" or key < 1 or key > length then
      return false
    end
    count = count + 1
  end
  return count == length
end

---Each gives the value (an integer for an integral float) and whether it fits. An empty
---table is an empty list as well as an empty object.
---@type table<string, fun(value: any): any, boolean>
types.known = {
  string = function(value)
    return value, type(value) == "string"
  end,
  number = function(value)
    return value, type(value) == "number" and value - value == 0
  end,
  integer = function(value)
    local integer = type(value) == "number" and math.tointeger(value)
    return integer or value, integer ~= nil and integer ~= false
  end,
  boolean = function(value)
    return value, type(value) == "boolean"
  end,
  null = function(value)
    return value, value == json.null
  end,
  array = function(value)
    return value, type(value) == "table" and (json.is_array(value) or is_list(value))
  end,
  object = function(value)
    if type(value) ~= "table" or json.is_array(value) then
      return value, false
    end
    for key in next, value do
      if type(key) ~= "string" then
        return value, false
      end
    end
    return value, true
  end,
}

local words = { string = "a string", number = "a number", integer = "an integer",
  boolean = "a boolean", null = "null", array = "a list", object = "an object" }

---@param list string[]
---@return string # "a string or a list"
function types.phrase(list)
  local out = {}
  for i, name in ipairs(list) do
    out[i] = words[name]
  end
  return table.concat(out, " or ")
end

return types
