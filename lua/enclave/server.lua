-- A manager over HTTP: what the operator wants, the listener, its end.
local core = require "enclave.core"
local errors = require "enclave.errors"
local http_handler = require "enclave.http.handler"
local policy = require "enclave.http.policy"
local routes = require "enclave.http.routes"

---@class enclave.Server
---@field manager enclave.Manager
---@field policy enclave.HttpPolicy
local Server = {}
Server.__index = Server

local server = {}

---@class enclave.ServerOptions
---@field host? string default "127.0.0.1"
---@field port? integer default 8000; 0: any that is free
---@field api_key? string
---@field insecure? boolean listen on other addresses without a key
---@field tls_cert? string file
---@field tls_key? string file
---@field max_body? integer|string default 256 MiB
---@field max_bodies? integer|string of all requests and large answers at a time; default 512 MiB
---@field max_json? integer|string of a body that is read as JSON; default 8 MiB
---@field max_header? integer|string default 12 KiB
---@field max_connections? integer default 4096
---@field max_requests? integer on one connection; default 0: any
---@field idle_timeout? integer seconds; default 60
---@field request_timeout? integer seconds; default 60
---@field routes? string[] files or folders
---@field cors_origins? string[] "https://example.com": pages that may call; "*": all
---@field allowed_hosts? string[] names besides localhost by which clients may call a server that
--- has no key and listens on this machine's own addresses; "*": all
---@field policy? enclave.HttpPolicy

local known = { host = "string", port = "number", api_key = "string", insecure = "boolean",
  tls_cert = "string", tls_key = "string", max_body = "number|string", max_bodies = "number|string",
  max_json = "number|string",
  max_header = "number|string", max_connections = "number", max_requests = "number",
  idle_timeout = "number", request_timeout = "number", routes = "table", cors_origins = "table",
  allowed_hosts = "table", policy = "table" }
local known_policy = { allowed_images = "table", allow_volumes = "boolean",
  allow_ports = "boolean", allow_privileged = "boolean", max_memory = "number|string",
  max_output = "number|string", max_cpu = "number", max_timeout = "number",
  max_sandboxes = "number", sandbox_types = "table" }
local listening = { "max_body", "max_bodies", "max_header", "max_connections", "max_requests",
  "idle_timeout", "request_timeout" }

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
  local is_local = host == "localhost" or host == "::1" or host:find("^127%.") ~= nil
  if options.api_key == "" then
    return nil, errors.new("invalid", "api_key: expected a key, got an empty one (of --api-key,"
      .. " its file, the config file or $ENCLAVE_API_KEY)", "server")
  elseif options.max_json and not policy.bytes(options.max_json) then
    return nil, errors.new("invalid", "max_json: expected a size such as \"8m\"", "server")
  end
  for _, name in ipairs({ "max_memory", "max_output" }) do
    local size = options.policy and options.policy[name]
    if size and not policy.bytes(size) then
      return nil, errors.new("invalid", ("%s: expected a size such as \"2g\", got %s"):format(name,
        errors.show(size)), "server")
    end
  end
  if not (is_local or options.api_key or options.insecure) then
    return nil, errors.new("invalid", ("host: %s can be reached by others; give an API key, or"
      .. " say insecure"):format(host), "server")
  end
  local table_of_routes, err = routes.load(options.routes)
  if not table_of_routes then
    return nil, err
  end
  local self = setmetatable({ manager = manager, options = options, routes = table_of_routes,
    policy = options.policy or {}, started = core.now(),
    max_json = policy.bytes(options.max_json or "8m"), in_flight = 0, creating = 0,
    answered = {}, checks_host = is_local and not options.api_key }, Server)
  self.leave = setmetatable({}, { __close = function()
    self.in_flight = self.in_flight - 1
  end })
  local settings = { host = host, port = options.port or 8000, api_key = options.api_key,
    open_options = next(options.cors_origins or {}) ~= nil,
    handler = function(request, reply)
      return http_handler.handle(self, request, reply)
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
  self.routes:close()
  self.http:close()
end

Server.__close = Server.close

return server
