-- JSON with what lua-cjson 2.1 leaves open: empty arrays, integers that stay integers,
-- bytes that are not UTF-8, a stable order of keys, errors instead of throws on bad text.
-- Scalars are written and text is read by lua-cjson.
local cjson = require "cjson".new()

cjson.decode_max_depth(128)
cjson.decode_invalid_numbers(false)

local json = {}

---What JSON's null is in Lua.
json.null = cjson.null

local max_depth = 128
local array_mark = {}

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

-- Text with every byte that is no part of UTF-8 as U+FFFD.
local function as_utf8(text)
  local _, bad = utf8.len(text)
  if not bad then
    return text
  end
  local parts, from = {}, 1
  while bad do
    parts[#parts + 1] = text:sub(from, bad - 1)
    parts[#parts + 1] = "\u{FFFD}"
    from = bad + 1
    _, bad = utf8.len(text, from)
  end
  parts[#parts + 1] = text:sub(from)
  return table.concat(parts)
end

local function quote(text)
  if not text:find('[%c"\\\127-\255]') then
    return '"' .. text .. '"'
  end
  -- lua-cjson escapes each slash, which is allowed and ugly.
  return (cjson.encode(as_utf8(text)):gsub("\\/", "/"))
end

local function number(value)
  local integer = math.tointeger(value)
  if integer then
    return ("%d"):format(integer)
  elseif value ~= value or value == math.huge or value == -math.huge then
    return "null"
  end
  return ("%.14g"):format(value):gsub(",", ".")
end

local function is_sequence(value)
  local length, count = #value, 0
  if length == 0 then
    return false
  end
  for key in next, value do
    if math.type(key) ~= "integer" or key < 1 or key > length then
      return false
    end
    count = count + 1
  end
  return count == length
end

local write -- forward

local function write_array(out, value, depth)
  out[#out + 1] = "["
  for i = 1, #value do
    if i > 1 then
      out[#out + 1] = ","
    end
    write(out, value[i], depth)
  end
  out[#out + 1] = "]"
end

local function write_object(out, value, depth)
  local keys, values = {}, {}
  for key, member in next, value do
    if type(key) ~= "string" and type(key) ~= "number" then
      error(("json: a key must be a string, got a %s"):format(type(key)), 0)
    end
    local name = type(key) == "string" and key or number(key)
    keys[#keys + 1] = name
    values[name] = member
  end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, name in ipairs(keys) do
    out[#out + 1] = (i > 1 and "," or "") .. quote(name) .. ":"
    write(out, values[name], depth)
  end
  out[#out + 1] = "}"
end

local ready_mark = {}

---A value that is written as this text, which is JSON already.
---@param text string
---@return table
function json.ready(text)
  return setmetatable({ text = text }, ready_mark)
end

function write(out, value, depth)
  local kind = type(value)
  if kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    out[#out + 1] = number(value)
  elseif kind == "boolean" then
    out[#out + 1] = tostring(value)
  elseif value == nil or value == json.null then
    out[#out + 1] = "null"
  elseif kind == "table" then
    if getmetatable(value) == ready_mark then
      out[#out + 1] = value.text
    elseif depth >= max_depth then
      error(("json: more than %d levels deep"):format(max_depth), 0)
    elseif json.is_array(value) or is_sequence(value) then
      write_array(out, value, depth + 1)
    else
      write_object(out, value, depth + 1)
    end
  else
    error(("json: a %s cannot be written"):format(kind), 0)
  end
end

---Text of a value, keys in order. A table with the keys 1 to n is an array; an empty one is
---an object unless json.array marked it. NaN and infinities become null, bytes that are not
---UTF-8 U+FFFD. Throws on what has no JSON form (functions, cycles).
---@param value any
---@return string
function json.encode(value)
  local out = {}
  write(out, value, 0)
  return table.concat(out)
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
  return settle(value)
end

return json
