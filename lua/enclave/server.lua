-- A manager over HTTP: requests to routes, results and errors to answers.
local core = require "enclave.core"
local errors = require "enclave.errors"
local http_address = require "enclave.http_address"
local json = require "enclave.json"
local routes = require "enclave.routes"

---@class enclave.Server
---@field manager enclave.Manager
---@field policy enclave.HttpPolicy
local Server = {}
Server.__index = Server

local server = {}

local statuses = { invalid = 400, not_found = 404, timeout = 408, exhausted = 503, closed = 409,
  unavailable = 503, cancelled = 503 }

---@class enclave.Request
---@field method string
---@field query table<string, string>
---@field body string
---@field headers table<string, string>
local Request = {}

---The body as a JSON object; none is an empty one.
---@return table|nil
---@return enclave.Error? err
function Request:json_object()
  local kind = self.headers["content-type"]
  if not self.body:find("%S") then
    return {}
  elseif kind and not kind:lower():find("^%s*application/[%w.+-]*json%s*;?") then
    return nil, { status = 415, code = "invalid", message = ("content type %s: expected"
      .. " application/json"):format(errors.show(kind)) }
  elseif not utf8.len(self.body) then
    return nil, errors.new("invalid", "the body is not UTF-8", "request")
  end
  local value, problem = json.decode(self.body)
  if value == json.null then
    return {}
  elseif problem or type(value) ~= "table" or not self.body:find("^%s*{") then
    return nil, errors.new("invalid", "the body is not a JSON object"
      .. (problem and ": " .. problem or ""), "request")
  end
  return value
end

---@param name string of the query
---@return number|nil # nil also when it is not there
---@return enclave.Error? err
function Request:number(name)
  local text = self.query[name]
  local value = text and text:find("^%d[%d.eE+-]*$") and tonumber(text)
  if text and (not value or value >= math.huge) then
    return nil, errors.new("invalid", ("%s: expected a number, 0 or more, got %s"):format(name,
      errors.show(text)), "request")
  end
  return value and (math.tointeger(value) or value)
end

---A result with the fields that are null in JSON.
---@param result enclave.Result|nil
---@param err enclave.Error|nil
---@return table|nil
---@return enclave.Error? err
function Request.result(_, result, err)
  if not result then
    return nil, err
  end
  result.error = result.error == nil and json.null or result.error
  result.execution_time = result.execution_time or json.null
  return result
end

-- A browser says which page sent a request; pages of others must not run code here.
local function foreign(self, headers)
  local origin = headers.origin
  if not origin then
    return false
  end
  for _, allowed in ipairs(self.options.cors_origins or {}) do
    if origin == allowed then
      return false
    end
  end
  return true
end

local function failure(status, code, detail, headers)
  headers = headers or {}
  headers["Content-Type"] = "application/json"
  return status, json.encode({ detail = detail, code = code }), headers
end

local function from_error(err)
  local status = err.status or statuses[err.code] or 500
  if status == 500 and err.code ~= "lost" then
    core.log("error", "a request failed: " .. tostring(err.message))
  end
  return failure(status, err.code, err.message,
    status == 503 and { ["Retry-After"] = "1" } or nil)
end

local function call(self, request, handler)
  local ok, value, err, how = xpcall(handler, errors.traceback, request, self)
  if not ok then
    if errors.is(value) then
      return from_error(value)
    end
    core.log("error", "a route threw: " .. tostring(value))
    return failure(500, "internal", "the server failed; its log says why")
  elseif value == nil or value == false then
    return from_error(err or errors.new("internal", "a route returned nothing"))
  end
  local headers = how and how.headers or { ["Content-Type"] = "application/json" }
  return how and how.status or 200, how and how.raw and value or json.encode(value), headers
end

local function respond(self, request)
  local path, query = http_address.parse(request.uri)
  if foreign(self, request.headers) then
    return failure(403, "invalid", "requests from other pages are not allowed")
  elseif not path then
    return from_error(query)
  end
  local method = request.method == "HEAD" and "GET" or request.method
  local handler, values = self.routes:find(method, path)
  if not handler and values then
    return failure(405, "invalid", ("%s is not allowed here"):format(request.method),
      { Allow = values })
  elseif not handler then
    return failure(404, "not_found", "there is no such path")
  end
  for name, value in pairs(values) do
    request[name] = value
  end
  request.query = query
  return call(self, setmetatable(request, { __index = Request }), handler)
end

local function handle(self, request)
  self.in_flight = self.in_flight + 1
  local _ <close> = self.leave
  local status, body, headers = respond(self, request)
  self.answered[status] = (self.answered[status] or 0) + 1
  headers["X-Content-Type-Options"] = "nosniff"
  return status, body, headers
end

---@class enclave.ServerOptions
---@field host? string default "127.0.0.1"
---@field port? integer default 8000; 0: any that is free
---@field api_key? string
---@field insecure? boolean listen on other addresses without a key
---@field tls_cert? string file
---@field tls_key? string file
---@field max_body? integer|string
---@field max_header? integer|string
---@field max_connections? integer
---@field max_requests? integer
---@field idle_timeout? integer
---@field routes? string[] files or folders
---@field cors_origins? string[] pages whose requests are taken
---@field policy? enclave.HttpPolicy

local known = { host = "string", port = "number", api_key = "string", insecure = "boolean",
  tls_cert = "string", tls_key = "string", max_body = "number|string",
  max_header = "number|string", max_connections = "number", max_requests = "number",
  idle_timeout = "number", routes = "table", cors_origins = "table", policy = "table" }
local known_policy = { allowed_images = "table", allow_volumes = "boolean",
  allow_ports = "boolean", allow_privileged = "boolean", max_memory = "number|string",
  max_cpu = "number", max_timeout = "number", max_sandboxes = "number", sandbox_types = "table" }
local listening = { "max_body", "max_header", "max_connections", "max_requests", "idle_timeout" }

local function read_file(path)
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, errors.new("invalid", problem, "server")
  end
  local text = file:read("a")
  file:close()
  return text or ""
end

---Begins to listen; requests are answered while the caller waits for something.
---@param manager enclave.Manager
---@param options? enclave.ServerOptions
---@return enclave.Server|nil
---@return enclave.Error? err
function server.new(manager, options)
  options = options or {}
  errors.check_options("server", options, known)
  errors.check_options("server", options.policy, known_policy)
  local host = options.host or "127.0.0.1"
  if options.api_key == "" then
    return nil, errors.new("invalid", "api_key: is empty", "server")
  elseif not (host == "localhost" or host == "::1" or host:find("^127%."))
    and not options.api_key and not options.insecure then
    return nil, errors.new("invalid", ("host: %s can be reached by others; give an API key, or"
      .. " say insecure"):format(host), "server")
  end
  local table_of_routes, err = routes.load(options.routes)
  if not table_of_routes then
    return nil, err
  end
  local self = setmetatable({ manager = manager, options = options, routes = table_of_routes,
    policy = options.policy or {}, started = core.now(), in_flight = 0, creating = 0,
    answered = {} }, Server)
  self.leave = setmetatable({}, { __close = function()
    self.in_flight = self.in_flight - 1
  end })
  local settings = { host = host, port = options.port or 8000, api_key = options.api_key,
    handler = function(request)
      return handle(self, request)
    end }
  for _, name in ipairs(listening) do
    settings[name] = options[name]
  end
  for _, name in ipairs({ "tls_cert", "tls_key" }) do
    if options[name] then
      settings[name], err = read_file(options[name])
      if err then
        return nil, err
      end
    end
  end
  self.http, err = core.httpd(settings)
  if not self.http then
    return nil, err
  end
  return self
end

---@return string # "http://127.0.0.1:8000"
function Server:url()
  local host = self.options.host or "127.0.0.1"
  return ("%s://%s:%d"):format(self.options.tls_cert and "https" or "http",
    host:find(":", 1, true) and "[" .. host .. "]" or host, self.http:port() or 0)
end

---Takes no new connections; waits until what runs has ended, at most so long.
---@param timeout? number seconds
---@return true|nil
---@return enclave.Error? err
function Server:drain(timeout)
  self.draining = true
  return self.http:drain(timeout)
end

---Closes all connections; the manager stays. Idempotent.
function Server:close()
  self.http:close()
end

Server.__close = Server.close

return server
