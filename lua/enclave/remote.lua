-- The manager of a server: the same methods as a local one, over HTTP.
local core = require "enclave.core"
local errors = require "enclave.errors"
local exact = require "enclave.exact"
local http_client = require "enclave.http.client"
local json = require "enclave.json"

local escape = http_client.escape

---@class enclave.RemoteManager
---@field client enclave.HttpClient
local Remote = {}
Remote.__index = Remote

local remote = {}

---@class enclave.RemoteOptions
---@field base_url string "http://127.0.0.1:8000"
---@field api_key? string default $ENCLAVE_API_KEY
---@field http_timeout? number seconds that one request may take; nil: for ever

---@param options enclave.RemoteOptions
---@return enclave.RemoteManager|nil
---@return enclave.Error? err
function remote.new(options)
  local op = "manager"
  errors.check_options(op, options, { base_url = "string", api_key = "string",
    http_timeout = "number" })
  local fine, err = errors.check_time(op, "http_timeout", options.http_timeout)
  if not fine then
    return nil, err
  elseif not options.base_url:find("^https?://[^/]") then
    return nil, errors.new("invalid", ('base_url: expected "http://host:port", got %s'):format(
      errors.show(options.base_url)), op)
  end
  return setmetatable({ client = http_client.new(options.base_url,
    options.api_key or os.getenv("ENCLAVE_API_KEY"), options.http_timeout),
    options = options, created = {} }, Remote)
end

local function request(self, op, method, path, options)
  if self.closed then
    return nil, errors.new("closed", "the manager is closed", op)
  end
  return self.client:request(op, method, path, options)
end

local function sandbox_path(op, id, rest)
  errors.check(op, "sandbox_id", id, "string")
  return "/sandbox/" .. escape(id) .. (rest or "")
end

-- JSON's null has no place in results.
local function result_of(value, err)
  if not value then
    return nil, err
  end
  for _, field in ipairs({ "error", "execution_time" }) do
    if value[field] == json.null then
      value[field] = nil
    end
  end
  return exact.take(value)
end

local function done(reply, err)
  return reply and true, err
end

---As of the local manager, but for progress and parallel, which the server decides; the pool is the
---server's, so closing this manager leaves it.
---@param options enclave.PoolOptions|integer|nil
---@param sandbox_type? string
---@param config? table
---@return string[]|nil ids
---@return enclave.Error? err
function Remote:initialize_pool(options, sandbox_type, config)
  local op = "initialize_pool"
  local err
  options, err = require("enclave.pool_options").read(options, sandbox_type, config, op)
  if not options then
    return nil, err
  end
  local query = {}
  for _, name in ipairs({ "pool_size", "sandbox_type", "max_size", "max_waiters", "max_uses",
    "max_age", "idle_ttl" }) do
    query[name] = options[name]
  end
  query.pool = options.name ~= "default" and options.name or nil
  local reply
  reply, err = request(self, op, "POST", "/pool/initialize",
    { query = query, json = options.config or {} })
  if not reply then
    return nil, err
  end
  local problem = reply.problem -- why some did not come up
  return reply.sandbox_ids, type(problem) == "table" and errors.new(
    http_client.code(problem.code) or "internal", tostring(problem.detail), op) or nil
end

---Ends a pool of the server, also one that another client filled.
---@param name? string default "default"
---@return true|nil
---@return enclave.Error? err
function Remote:close_pool(name)
  errors.check("close_pool", "name", name, "string|nil")
  return done(request(self, "close_pool", "DELETE", "/pool", { query = { pool = name } }))
end

---@param tool_name string
---@param parameters? table
---@param options? number|{ timeout?: number, pool?: string } a number is the timeout
---@return enclave.Result|nil
---@return enclave.Error? err
function Remote:execute_tool_in_pool(tool_name, parameters, options)
  local op = "execute_tool_in_pool"
  errors.check(op, "tool_name", tool_name, "string")
  errors.check(op, "parameters", parameters, "table|nil")
  if type(options) == "number" then
    options = { timeout = options }
  end
  errors.check_options(op, options, { timeout = "number", pool = "string" })
  options = options or {}
  local fine, err = errors.check_time(op, "timeout", options.timeout)
  if not fine then
    return nil, err
  end
  return result_of(request(self, op, "POST", "/pool/execute", { json = parameters or {},
    query = { tool_name = tool_name, timeout = options.timeout, pool = options.pool } }))
end

---@param sandbox_type? string
---@param config? table
---@return string|nil id
---@return enclave.Error? err
function Remote:create_sandbox(sandbox_type, config)
  local op = "create_sandbox"
  errors.check(op, "sandbox_type", sandbox_type, "string|nil")
  errors.check(op, "config", config, "table|nil")
  local reply, err = request(self, op, "POST", "/sandbox/create",
    { query = { sandbox_type = sandbox_type or "docker" }, json = config or {} })
  if not reply then
    return nil, err
  elseif self.closed then
    self.client:request(op, "DELETE", sandbox_path(op, reply.sandbox_id))
    return nil, errors.new("closed", "the manager was closed meanwhile", op)
  end
  self.created[reply.sandbox_id] = true
  return reply.sandbox_id
end

function Remote:get_sandbox_info(id)
  return request(self, "get_sandbox_info", "GET", sandbox_path("get_sandbox_info", id))
end

---@param status? string
---@return table[]|nil
---@return enclave.Error? err
function Remote:list_sandboxes(status)
  errors.check("list_sandboxes", "status", status, "string|nil")
  return request(self, "list_sandboxes", "GET", "/sandboxes", { query = { status = status } })
end

---Output as it comes is not to be had by this manager.
---@param id string
---@param tool_name string
---@param parameters? table
---@param options? table an empty one
---@return enclave.Result|nil
---@return enclave.Error? err
function Remote:execute_tool(id, tool_name, parameters, options)
  local op = "execute_tool"
  errors.check_options(op, options, {})
  errors.check(op, "sandbox_id", id, "string")
  errors.check(op, "tool_name", tool_name, "string")
  errors.check(op, "parameters", parameters, "table|nil")
  return result_of(request(self, op, "POST", "/sandbox/tool/execute", { json = {
    sandbox_id = id, tool_name = tool_name, parameters = parameters or {} } }))
end

function Remote:get_sandbox_tools(id)
  return request(self, "get_sandbox_tools", "GET",
    sandbox_path("get_sandbox_tools", id, "/tools"))
end

function Remote:stop_sandbox(id)
  return done(request(self, "stop_sandbox", "POST", sandbox_path("stop_sandbox", id, "/stop")))
end

function Remote:delete_sandbox(id)
  local reply, err = request(self, "delete_sandbox", "DELETE", sandbox_path("delete_sandbox", id))
  if reply or err.code == "not_found" then
    self.created[id] = nil
  end
  return done(reply, err)
end

---Deletes the sandboxes that this manager created.
---@return integer # how many there were
function Remote:cleanup_all_sandboxes()
  local count = 0
  for _, id in ipairs(require("enclave.suggest").names(self.created)) do
    self:delete_sandbox(id)
    count = count + 1
  end
  return count
end

---@param id string
---@param tar string
---@param folder? string
---@return true|nil
---@return enclave.Error? err
function Remote:put_archive(id, tar, folder)
  errors.check("put_archive", "tar", tar, "string")
  return done(request(self, "put_archive", "POST", sandbox_path("put_archive", id, "/archive"),
    { query = { target_dir = folder }, body = tar }))
end

---@param id string
---@param path string
---@param bytes string
---@param options? { mode?: integer, timeout?: number }
---@return true|nil
---@return enclave.Error? err
function Remote:put_file(id, path, bytes, options)
  local op = "put_file"
  errors.check(op, "path", path, "string")
  errors.check(op, "bytes", bytes, "string")
  errors.check_options(op, options, { mode = "number", timeout = "number" })
  options = options or {}
  local mode = options.mode and math.tointeger(options.mode)
  if options.mode and not mode then
    errors.throw(op, "mode: expected an integer, got " .. errors.show(options.mode))
  end
  return done(request(self, op, "PUT", sandbox_path(op, id, "/files"), { timeout = options.timeout,
    query = { path = path, mode = mode and ("%o"):format(mode & 4095) }, body = bytes }))
end

---@param id string
---@param path string
---@param options? { max_size?: integer, timeout?: number } max_size: default what the server allows
---@return string|nil bytes
---@return enclave.Error? err
function Remote:get_file(id, path, options)
  local op = "get_file"
  errors.check(op, "path", path, "string")
  errors.check_options(op, options, { max_size = "number|string", timeout = "number" })
  options = options or {}
  return request(self, op, "GET", sandbox_path(op, id, "/files"), { timeout = options.timeout,
    query = { path = path, max_size = options.max_size }, raw = true })
end

---@param id string
---@param host_folder string of this machine
---@param folder? string
---@return true|nil
---@return enclave.Error? err
function Remote:put_dir(id, host_folder, folder)
  errors.check("put_dir", "host_folder", host_folder, "string")
  local tar, err = core.archive_folder(host_folder)
  if not tar then
    return nil, err
  end
  return self:put_archive(id, tar, folder)
end

---@return table|nil # the server's statistics
---@return enclave.Error? err
function Remote:get_stats()
  local stats, err = request(self, "get_stats", "GET", "/stats")
  if not stats then
    return nil, err
  end
  stats.manager_type = "http"
  stats.base_url = self.options.base_url
  return stats
end

---@return table|nil # { healthy, version, uptime, active_sandboxes, system_info }
---@return enclave.Error? err
function Remote:health()
  return request(self, "health", "GET", "/health")
end

---Deletes the sandboxes that this manager created; the server's pools stay. Idempotent.
function Remote:close()
  if not self.closed then
    self:cleanup_all_sandboxes()
    self.closed = true
  end
end

Remote.__close = Remote.close

return remote
