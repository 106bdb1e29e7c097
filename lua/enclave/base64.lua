-- Base64 (RFC 4648) of byte strings.
local core = require "enclave.core"

local base64 = {}

---@param bytes string
---@return string
function base64.encode(bytes)
  return core.base64_encode(bytes)
end

---White space is passed over; padding may be left out.
---@param text string
---@return string|nil bytes
---@return string? problem
function base64.decode(text)
  return core.base64_decode(text)
end

return base64
