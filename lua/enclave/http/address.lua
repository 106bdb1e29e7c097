-- The address of a request, taken apart strictly: what is not right is an error, not a guess.
local errors = require "enclave.errors"

local http_address = {}

local function bad(what)
  return nil, errors.new("invalid", what, "request")
end

-- Percent-decoding; form: "+" is a space.
local function decode(text, form)
  if not text:find("[%%+\0\128-\255]") then
    return text
  elseif text:find("%%%X") or text:find("%%%x%X") or text:find("%%%x?$") then
    return bad("the address has a % that is not followed by two hexadecimal digits")
  end
  text = (form and text:gsub("+", " ") or text):gsub("%%(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end)
  if text:find("%z") or not utf8.len(text) then
    return bad("the address is not UTF-8, or has a zero byte")
  end
  return text
end

---@param uri string "/sandbox/a%20b?x=1"
---@return string[]|nil path its parts, decoded
---@return table<string, string>|enclave.Error query
function http_address.parse(uri)
  local target = uri:match("^[Hh][Tt][Tt][Pp][Ss]?://[^/?#]*(.*)$") -- as proxies are asked
  if target then
    uri = target:find("^/") and target or "/" .. target
  end
  local path, query = uri:match("^(/[^?#]*)%??(.*)$")
  if not path then
    return bad("the address does not begin with a slash")
  end
  local parts, fields = {}, {}
  for part in path:gmatch("/([^/]*)") do
    local text, err = decode(part)
    if not text then
      return nil, err
    end
    parts[#parts + 1] = text
  end
  for field in query:gmatch("[^&]+") do
    local name, value = field:match("^([^=]*)=?(.*)$")
    local err
    name, err = decode(name, true)
    if not name then
      return nil, err
    end
    value, err = decode(value, true)
    if not value then
      return nil, err
    elseif fields[name] then
      return bad(("the query has %s twice"):format(errors.show(name)))
    end
    fields[name] = value
  end
  return parts, fields
end

return http_address
