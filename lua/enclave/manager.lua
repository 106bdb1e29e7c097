-- The manager: pools and single sandboxes in one hand, closed together.
local core = require "enclave.core"
local errors = require "enclave.errors"
local pools = require "enclave.pools"
local registry = require "enclave.plugins.registry"
local sandboxes = require "enclave.sandboxes"

---@class enclave.Manager
---@field registry enclave.Registry
---@field closed? boolean
local Manager = {}
Manager.__index = Manager

for _, part in ipairs({ pools, sandboxes }) do
  for name, method in pairs(part) do
    Manager[name] = method
  end
end

local manager = {}

---@class enclave.ManagerOptions
---@field docker_host? string "unix:///var/run/docker.sock"; default $DOCKER_HOST, then that
---@field driver_options? table for sandbox types other than "docker"
---@field tools? string[] files or folders with tools, besides the built-in ones
---@field hooks? string[] files or folders with hooks
---@field languages? string[] folders with languages for multi_code_executor
---@field secrets? table<string, string> for tools that declare them; default: the environment
---@field log_level? "debug"|"info"|"warn"|"error"|"off"
---@field on_log? fun(level: string, line: string)
---@field reload_interval? number seconds between looks at the plugin files; default: whenever the
--- operating system tells of a change
---@field cleanup_interval? number kept for callers of other systems; shown in get_stats

local known = {
  docker_host = "string", driver_options = "table", tools = "table", hooks = "table",
  languages = "table", secrets = "table", log_level = "string", on_log = "function",
  reload_interval = "number", cleanup_interval = "number",
}
local levels = { debug = true, info = true, warn = true, error = true, off = true }

local function check(options, op)
  errors.check_options(op, options, known)
  for _, list in ipairs({ "tools", "hooks", "languages" }) do
    for i, path in ipairs(options[list] or {}) do
      errors.check(op, ("%s[%d]"):format(list, i), path, "string")
    end
  end
  for name, value in pairs(options.secrets or {}) do
    if type(name) ~= "string" or type(value) ~= "string" then
      errors.throw(op, ("secrets.%s: expected a string"):format(tostring(name)))
    end
  end
  if options.log_level and not levels[options.log_level] then
    return nil, errors.new("invalid", ("log_level: expected debug, info, warn, error or off, got"
      .. " %s"):format(errors.show(options.log_level)), op)
  end
  return errors.check_time(op, "reload_interval", options.reload_interval)
end

---@param options? enclave.ManagerOptions
---@return enclave.Manager|nil
---@return enclave.Error? err
function manager.new(options)
  options = options or {}
  local fine, err = check(options, "manager")
  if not fine then
    return nil, err
  end
  if options.log_level or options.on_log then
    core.configure({ log_level = options.log_level, on_log = options.on_log })
  end
  local known_plugins
  known_plugins, err = registry.new({ tools = options.tools, hooks = options.hooks,
    languages = options.languages,
    interval = options.reload_interval, secrets = options.secrets })
  if not known_plugins then
    return nil, err
  end
  return setmetatable({ options = options, registry = known_plugins, pools = {}, sandboxes = {},
    returning = {} }, Manager)
end

local counted = { idle = "idle", busy = "busy", resetting = "busy", creating = "initializing",
  retiring = "stopping" }

---Numbers about pools and sandboxes. Those of the pool "default" are at the top: pool_size,
---idle, busy, waiting, creating, totals, wait, run, reset, create; all pools are in `pools`. Of
---all: manager_type, total_sandboxes, status_counts, sandbox_types, running.
---@return table
function Manager:get_stats()
  local by_status, by_type, total = sandboxes.count(self)
  local stats = { pool_size = 0, idle = 0, busy = 0, waiting = 0, creating = 0 }
  local all = {}
  for name, entry in pairs(self.pools) do
    local of_pool = entry.pool:stats() or {}
    all[name] = of_pool
    for key, value in pairs(name == "default" and of_pool or {}) do
      stats[key] = value
    end
    for key, status in pairs(counted) do
      local count = of_pool[key] or 0
      if count > 0 then
        by_status[status] = (by_status[status] or 0) + count
        by_type[entry.sandbox_type] = (by_type[entry.sandbox_type] or 0) + count
        total = total + count
      end
    end
  end
  stats.name = nil
  stats.pools = all
  stats.manager_type = "local"
  stats.total_sandboxes = total
  stats.status_counts = by_status
  stats.sandbox_types = by_type
  stats.running = not self.closed
  stats.cleanup_interval = self.options.cleanup_interval or 300
  stats.pool_enabled = self.pools.default ~= nil
  stats.pool_initialized = self.pools.default ~= nil and not self.pools.default.warming
  return stats
end

---Cancels those who wait, ends what runs, removes every sandbox, at the same time. Waits until
---the last is gone. Idempotent; also what a to-be-closed manager does.
function Manager:close()
  if self.closed then
    return
  end
  self.closed = true
  local tasks = {}
  for name in pairs(self.pools) do
    tasks[#tasks + 1] = core.spawn(self.close_pool, self, name)
  end
  tasks[#tasks + 1] = core.spawn(self.cleanup_all_sandboxes, self)
  for _, task in ipairs(tasks) do
    task:join()
  end
  for task in pairs(self.returning) do
    task:join()
  end
  self.registry:close()
end

Manager.__close = Manager.close

-- A manager that is dropped without close needs no __gc of its own: its pools and sandboxes
-- are userdata that remove themselves.

return manager
