-- Which pages may call: none unless the operator names them. A browser says in Origin which page
-- sent a request; where it sends none, Sec-Fetch-Site tells that a page did, also one whose name
-- was made to lead to this machine. Programs send neither. Of a page whose name leads here some
-- browsers say nothing at all: a server that asks for no key goes by the name in Host.
local http_cors = {}

---@param allowed string[]|nil origins, "https://example.com"; "*" is every one
---@param headers table<string, string> of the request
---@return boolean fine
---@return table<string, string>|nil more headers for the answer
function http_cors.check(allowed, headers)
  local origin = headers.origin
  if not origin then
    local site = headers["sec-fetch-site"]
    return site == nil or site == "none" -- none: typed in by the user
  end
  for _, one in ipairs(allowed or {}) do
    if one == origin or one == "*" then
      return true, { ["Access-Control-Allow-Origin"] = origin, Vary = "Origin",
        ["Access-Control-Expose-Headers"] = "Retry-After" }
    end
  end
  return false
end

---Whether a request was sent to this machine by an address, as localhost, or by a name that the
---operator gave, and not by one that whoever owns it made to lead here.
---@param names string[]|nil
---@param host string|nil the header; browsers always send it
---@return boolean
function http_cors.is_ours(names, host)
  local name = host and host:lower():gsub(":%d*$", ""):gsub("%.$", "")
  if not name or name == "localhost" or name:find("^%d+%.%d+%.%d+%.%d+$")
    or name:find("^%[[%x:.]+%]$") then
    return true
  end
  for _, one in ipairs(names or {}) do
    if one:lower() == name or one == "*" then
      return true
    end
  end
  return false
end

---The answer to a browser that asks before it calls.
---@param more table<string, string> from check
---@param methods string of the path, "GET, POST"
---@return integer status, string body, table<string, string> headers
function http_cors.preflight(more, methods)
  more["Access-Control-Allow-Methods"] = methods
  more["Access-Control-Allow-Headers"] = "Content-Type, Authorization, X-API-Key"
  more["Access-Control-Max-Age"] = "600"
  return 204, "", more
end

return http_cors
