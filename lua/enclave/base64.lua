-- Base64 (RFC 4648) of byte strings.
local base64 = {}

local alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
local digit, value = {}, {}
for i = 0, 63 do
  local c = alphabet:sub(i + 1, i + 1)
  digit[i], value[c:byte()] = c, i
end

---@param bytes string
---@return string
function base64.encode(bytes)
  local out = {}
  for i = 1, #bytes - 2, 3 do
    local a, b, c = bytes:byte(i, i + 2)
    local n = a << 16 | b << 8 | c
    out[#out + 1] = digit[n >> 18] .. digit[n >> 12 & 63] .. digit[n >> 6 & 63] .. digit[n & 63]
  end
  local rest = #bytes % 3
  if rest == 1 then
    local n = bytes:byte(-1) << 16
    out[#out + 1] = digit[n >> 18] .. digit[n >> 12 & 63] .. "=="
  elseif rest == 2 then
    local a, b = bytes:byte(-2, -1)
    local n = a << 16 | b << 8
    out[#out + 1] = digit[n >> 18] .. digit[n >> 12 & 63] .. digit[n >> 6 & 63] .. "="
  end
  return table.concat(out)
end

---White space is skipped; padding may be left out.
---@param text string
---@return string|nil bytes
---@return string? problem
function base64.decode(text)
  text = text:gsub("%s+", "")
  local body, padding = text:match("^([%w+/]*)(=?=?)$")
  if not body or #body % 4 == 1 or (padding ~= "" and #text % 4 ~= 0) then
    return nil, "not base64"
  end
  local out = {}
  for i = 1, #body - 3, 4 do
    local a, b, c, d = body:byte(i, i + 3)
    local n = value[a] << 18 | value[b] << 12 | value[c] << 6 | value[d]
    out[#out + 1] = string.char(n >> 16, n >> 8 & 255, n & 255)
  end
  local rest = #body % 4
  if rest == 2 then
    local a, b = body:byte(-2, -1)
    out[#out + 1] = string.char((value[a] << 2 | value[b] >> 4) & 255)
  elseif rest == 3 then
    local a, b, c = body:byte(-3, -1)
    local n = value[a] << 12 | value[b] << 6 | value[c]
    out[#out + 1] = string.char(n >> 10 & 255, n >> 2 & 255)
  end
  return table.concat(out)
end

return base64
