-- What the server does with one request: finds its route, calls it, makes an answer of what
-- it returned.
local core = require "enclave.core"
local definitions = require "enclave.plugins.definitions"
local errors = require "enclave.errors"
local http_address = require "enclave.http.address"
local http_cors = require "enclave.http.cors"
local json = require "enclave.json"
local Request = require "enclave.http.request"

local http_handler = {}

local statuses = { invalid = 400, not_found = 404, timeout = 408, exhausted = 503, closed = 409,
  unavailable = 503, cancelled = 503 }

-- The core only reads them.
local json_headers = { ["Content-Type"] = "application/json", ["X-Content-Type-Options"] =
  "nosniff" }

local function with(first, second)
  local all = {}
  for _, map in ipairs({ first, second }) do
    for name, value in pairs(map) do
      all[name] = value
    end
  end
  return all
end

local function failure(status, code, detail, more)
  return status, json.encode({ detail = detail, code = code }),
    more and with(json_headers, more) or json_headers
end

-- Says in the log what is the server's own fault, and at which request.
local function complain(request, what)
  local where = ("%s %s"):format(request.method, request.uri):gsub("%c", "?"):sub(1, 200)
  core.log("error", where .. ": " .. what)
end

local function from_error(request, err)
  if type(err) ~= "table" then -- a route's own words
    err = errors.from(err, "route")
  end
  local status = err.status or statuses[err.code] or 500
  if status == 500 and err.code ~= "lost" then
    complain(request, tostring(err.message))
  end
  return failure(status, err.code, errors.brief(err),
    status == 503 and { ["Retry-After"] = "1" } or nil)
end

---Begins an answer in pieces, which go to request.reply; the route then returns true.
---@param status integer
---@param headers? table<string, string>
---@return true|nil
---@return enclave.Error? err code "cancelled": the client has gone
function Request:begin(status, headers)
  local fine, err = self.reply:begin(status, with(with(json_headers, headers), self.more))
  self.begun = fine or self.begun
  return fine, err
end

local own_fault = "the server failed; its log says why"

local function written(request, value, how)
  if how and how.raw then
    return how.status or 200, value
  end
  local ok, text = pcall(json.encode, value)
  if ok then
    return how and how.status or 200, text
  end
  complain(request, "the answer cannot be written: " .. tostring(text))
  return failure(500, "internal", own_fault)
end

-- The user's routes have a budget, as tools do: one that loops must not stop the server.
local function run(self, request, route)
  if route.builtin then
    return xpcall(route.handler, errors.traceback, request, self)
  end
  return core.bounded(definitions.budget, route.handler, request, self)
end

local function call(self, request, route)
  local ok, value, err, how = run(self, request, route)
  if request.begun and (not ok or not value) then
    error(ok and err or value, 0) -- too late for an answer: the connection is cut
  elseif request.begun then
    return 200, ""
  elseif not ok then
    if errors.is(value) then
      return from_error(request, value)
    end
    complain(request, "the route threw: " .. tostring(value))
    return failure(500, "internal", own_fault)
  elseif value == nil or value == false then
    return from_error(request, err or errors.new("internal", "the route returned nothing"))
  end
  local status, body = written(request, value, how)
  return status, body, how and how.headers and with(json_headers, how.headers) or json_headers
end

local function respond(self, request)
  local fine, more = http_cors.check(self.options.cors_origins, request.headers)
  request.more = more or {}
  local host = request.headers.host
  if self.checks_host and host ~= self.good_host then
    if not http_cors.is_ours(self.options.allowed_hosts, host) then
      return failure(403, "invalid", ("Host: %s: not a name of this server, which has no key; its"
        .. " operator can allow it by --allow-host"):format(errors.show(host)))
    end
    self.good_host = host
  end
  if not fine then
    return failure(403, "invalid", "requests from other pages are not allowed")
  end
  local path, query = http_address.parse(request.uri)
  if not path then
    return from_error(request, query)
  end
  local method = request.method == "HEAD" and "GET" or request.method
  local route, values = self.routes:find(method, path)
  if not route and values then
    if more and method == "OPTIONS" then
      return http_cors.preflight(more, values)
    end
    return failure(405, "invalid", ("%s is not allowed here; allowed: %s"):format(
      (errors.show(request.method):gsub("^string ", "")), values), { Allow = values })
  elseif not route then
    return failure(404, "not_found", "there is no such path")
  end
  for name, value in pairs(values or {}) do
    request[name] = value
  end
  request.query, request.path = query, path
  if method == "GET" or route.info.runs_tool then
    return call(self, request, route)
  end
  local status, body, headers = call(self, request, route)
  self.known = nil -- statistics that were kept for a while
  return status, body, headers
end

---@param self enclave.Server
---@param request enclave.core.HttpdRequest
---@param reply enclave.HttpReply
---@return integer status, string body, table<string, string> headers
function http_handler.handle(self, request, reply)
  self.in_flight = self.in_flight + 1
  local _ <close> = self.leave
  request.reply, request.max_json = reply, self.max_json
  local status, body, headers = respond(self, setmetatable(request, Request))
  self.answered[status] = (self.answered[status] or 0) + 1
  if request.more["Access-Control-Allow-Origin"] and headers then
    headers = with(headers, request.more)
  end
  return status, body, headers
end

return http_handler
