-- JSON with what lua-cjson 2.1 leaves open: empty arrays, integers that stay integers,
-- bytes that are not UTF-8, a stable order of keys, errors instead of throws on bad text.
-- Text is read by lua-cjson, and written by the core.
local cjson = require "cjson".new()
local core = require "enclave.core"

cjson.decode_max_depth(128)
cjson.decode_invalid_numbers(false)

local json = {}

---What JSON's null is in Lua.
json.null = cjson.null

local array_mark, ready_mark = {}, {}

---Marks a table as an array, which an empty one needs to be written as [].
---@param list? table
---@return table
function json.array(list)
  return setmetatable(list or {}, array_mark)
end

---@param value any
---@return boolean # it was marked by json.array
function json.is_array(value)
  return getmetatable(value) == array_mark
end

---A value that is written as this text, which is JSON already.
---@param text string
---@return table
function json.ready(text)
  return setmetatable({ text = text }, ready_mark)
end

---Text of a value, keys in order. A table with the keys 1 to n is an array; an empty one is
---an object unless json.array marked it. NaN and infinities become null, bytes that are not
---UTF-8 U+FFFD. Throws on what has no JSON form (functions, cycles).
---@param value any
---@return string
function json.encode(value)
  return core.json_encode(value, array_mark, ready_mark)
end

-- lua-cjson reads every number as a float.
local function settle(value)
  if type(value) == "number" then
    return math.tointeger(value) or value
  elseif type(value) == "table" then
    for key, member in next, value do
      local kind = type(member)
      if kind == "number" or kind == "table" then
        value[key] = settle(member)
      end
    end
  end
  return value
end

---@param text string
---@return any value
---@return string? problem when the text is not JSON (value is nil)
function json.decode(text)
  local ok, value = pcall(cjson.decode, text)
  if not ok then
    return nil, (tostring(value):gsub("^.-:%d+: ", ""))
  end
  local exact = core.json_integers(tostring(text))
  return settle(exact == nil and value or exact)
end

return json
