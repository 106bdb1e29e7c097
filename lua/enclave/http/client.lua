-- Requests to an Enclave server: addresses, keys, JSON, and its errors as error objects.
local core = require "enclave.core"
local errors = require "enclave.errors"
local json = require "enclave.json"

---@class enclave.HttpClient
local Client = {}
Client.__index = Client

local http_client = {}

local codes = { [400] = "invalid", [401] = "invalid", [403] = "invalid", [404] = "not_found",
  [408] = "timeout", [413] = "invalid", [422] = "invalid", [503] = "exhausted" }
local known_codes = { invalid = true, timeout = true, cancelled = true, closed = true,
  not_found = true, exhausted = true, unavailable = true, docker = true, lost = true,
  protocol = true, nomem = true, internal = true }
local largest_reply = 256 * 1024 * 1024

---@param given any what a server says of the kind of an error
---@return string|nil # a code of ours
function http_client.code(given)
  return known_codes[given] and given
end

---@param text string
---@return string # for a part of an address
function http_client.escape(text)
  return (text:gsub("[^%w._~-]", function(c)
    return ("%%%02X"):format(c:byte())
  end))
end

---@param base_url string
---@param api_key? string
---@param timeout? number seconds a request may take; nil: for ever
---@return enclave.HttpClient
function http_client.new(base_url, api_key, timeout)
  return setmetatable({ base_url = base_url:gsub("/+$", ""), api_key = api_key,
    timeout = timeout }, Client)
end

local function query_of(query)
  local parts = {}
  for name, value in pairs(query or {}) do
    parts[#parts + 1] = http_client.escape(name) .. "=" .. http_client.escape(tostring(value))
  end
  table.sort(parts)
  return #parts > 0 and "?" .. table.concat(parts, "&") or ""
end

-- Validation details may be lists of objects; people get text.
local function detail_of(reply)
  local body = json.decode(reply.body)
  local detail = type(body) == "table" and body.detail
  if type(detail) == "table" then
    detail = json.encode(detail)
  end
  local code = type(body) == "table" and http_client.code(body.code) or nil
  return type(detail) == "string" and detail or reply.body:sub(1, 200), code
end

---@param op string
---@param method string
---@param path string
---@param options? { query?: table, body?: string, json?: any, raw?: boolean, timeout?: number }
---@return any value what the JSON of the reply is; with raw its bytes
---@return enclave.Error? err
function Client:request(op, method, path, options)
  options = options or {}
  local headers = { ["X-API-Key"] = self.api_key }
  local body = options.body
  if options.json ~= nil then
    body = json.encode(options.json)
    headers["Content-Type"] = "application/json"
  end
  local reply, err = core.http{ url = self.base_url .. path .. query_of(options.query),
    method = method, headers = headers, body = body, timeout = options.timeout or self.timeout,
    max_reply = largest_reply }
  if not reply then
    return nil, err
  elseif reply.status >= 400 then
    local detail, code = detail_of(reply)
    return nil, errors.new(code or codes[reply.status] or "internal",
      ("%s (HTTP %d)"):format(detail, reply.status), op)
  elseif options.raw then
    return reply.body
  end
  local value, problem = json.decode(reply.body)
  if value == nil then
    return nil, errors.new("protocol", ("the server's reply is not JSON: %s"):format(problem), op)
  end
  return value
end

return http_client
