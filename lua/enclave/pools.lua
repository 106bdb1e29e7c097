-- The pools of a manager: filling them, borrowing for one tool call, giving back.
local core = require "enclave.core"
local driver = require "enclave.driver"
local errors = require "enclave.errors"
local execute = require "enclave.execute"
local hooks = require "enclave.hooks"
local lease = require "enclave.lease"
local pool_options = require "enclave.pool_options"
local toolset = require "enclave.toolset"

---@class enclave.Manager
local Pools = {}

local function pool_hooks(self, entry)
  local function context(reason)
    return { pool = entry.name, sandbox_type = entry.sandbox_type, reuse = entry.reuse,
      reason = reason }
  end
  return {
    created = function(sandbox)
      return hooks.run(self.registry:hooks("on_create"), "on_create", sandbox, context())
    end,
    retiring = function(sandbox, reason)
      hooks.run_all(self.registry:hooks("on_destroy"), "on_destroy", sandbox, context(reason),
        core.log)
    end,
  }
end

-- A pool with this name is there already: the same again is no news, another is a mistake.
local function again(entry, options, op)
  if entry.warming then
    return nil, errors.new("invalid", ('the pool "%s" is being initialised by another task')
      :format(entry.name), op)
  elseif pool_options.same(entry.options, options) then
    return entry:ids()
  end
  return nil, errors.new("invalid", ('the pool "%s" is initialised already, with other options'
    .. " (pool_size %d); close_pool it first, or give this one another name"):format(entry.name,
    entry.options.pool_size), op)
end

-- A borrowed sandbox, its on_borrow hooks done.
local function borrow(self, entry, timeout, tool_name)
  local sandbox, err = entry.pool:acquire(timeout)
  if not sandbox then
    return nil, err
  end
  local held = lease.new(self, entry, sandbox, tool_name)
  local fine
  fine, err = held:borrow()
  return fine and held or nil, err
end

local Entry = {}
Entry.__index = Entry

-- Those that are up.
function Entry:ids()
  local ids = {}
  for _, facts in ipairs(self.pool:sandboxes() or {}) do
    if facts.status ~= "stopping" and facts.status ~= "initializing" then
      ids[#ids + 1] = facts.id
    end
  end
  return ids
end

-- What tools find around them.
local function host_of(self, entry)
  return { tools = entry.tools, sandbox_type = entry.sandbox_type, pool = entry.name,
    borrow = function(timeout)
      return borrow(self, entry, timeout)
    end }
end

-- The core's pool for these options; not filled yet.
local function new_entry(self, options, op)
  local driver_name, driver_options = driver.find(options.sandbox_type, self.options, op)
  if not driver_name then
    return nil, driver_options
  end
  local config = options.config or {}
  local tools, err = toolset.new(self.registry, options.sandbox_type, config.tools_config, op)
  if not tools then
    return nil, err
  end
  local entry = setmetatable({ name = options.name, options = options, tools = tools,
    sandbox_type = options.sandbox_type, warming = true }, Entry)
  entry.host = host_of(self, entry)
  entry.executor = execute.runner(entry.host)
  entry.pool, err = core.pool(driver_name, driver_options, tools:core_config(config),
    pool_options.core(options), pool_hooks(self, entry))
  if not entry.pool then
    return nil, err
  end
  entry.config = entry.pool:config() or {}
  entry.reuse = entry.config.reuse or "reset"
  return entry
end

---Makes a pool and fills it with warm sandboxes. Takes one table, or the positional form
---(pool_size, sandbox_type, config). Waits until the first filling is done.
---
---When some sandboxes did not come up, the ids of those that did are returned with an error
---that says why the others did not; the pool keeps trying. When none came up: nil and the
---error, and the pool is gone again. The same call again gives the ids and does nothing else.
---@param options enclave.PoolOptions|integer|nil
---@param sandbox_type? string
---@param config? table
---@return string[]|nil ids
---@return enclave.Error? err
function Pools:initialize_pool(options, sandbox_type, config)
  local op = "initialize_pool"
  local err
  options, err = pool_options.read(options, sandbox_type, config, op)
  if not options then
    return nil, err
  elseif self.closed then
    return nil, errors.new("closed", "the manager is closed", op)
  elseif self.pools[options.name] then
    return again(self.pools[options.name], options, op)
  end
  local entry
  entry, err = new_entry(self, options, op)
  if not entry then
    return nil, err
  end
  self.pools[options.name] = entry
  local up
  up, err = entry.pool:warm(options.progress)
  entry.warming = nil
  if not up or up == 0 and err then
    if self.pools[options.name] == entry then
      self.pools[options.name] = nil
    end
    entry.pool:close()
    return nil, err
  end
  return entry:ids(), err
end

---Cancels those who wait for it and removes its sandboxes. Waits.
---@param name? string default "default"
---@return true|nil
---@return enclave.Error? err
function Pools:close_pool(name)
  errors.check("close_pool", "name", name, "string|nil")
  name = name or "default"
  local entry = self.pools[name]
  if not entry then
    return nil, errors.new("not_found", ('there is no pool "%s"'):format(name), "close_pool")
  end
  self.pools[name] = nil
  entry.pool:close()
  return true
end

local function find_pool(self, name, op)
  if self.closed then
    return nil, errors.new("closed", "the manager is closed", op)
  end
  local entry = self.pools[name]
  if entry then
    return entry
  elseif name == "default" then
    return nil, errors.new("invalid", "there is no pool yet; call initialize_pool first", op)
  end
  return nil, errors.new("not_found", ('there is no pool "%s"; call initialize_pool{ name ='
    .. ' "%s", … } first'):format(name, name), op)
end

---@class enclave.CallOptions: enclave.Listeners
---@field timeout? number seconds to wait for a sandbox; nil: for ever, 0: not at all
---@field pool? string default "default"

---Borrows a sandbox, runs a tool in it, gives it back. Waits.
---
---`timeout` bounds the wait for a sandbox: nil waits for ever, 0 does not wait. How long the
---tool may run is its own matter: parameters.timeout, else the tool's configuration, else the
---`timeout` of the sandbox config. A tool that ran and failed is a result with status "error".
---@param tool_name string
---@param parameters? table
---@param options? number|enclave.CallOptions a number is the timeout
---@return enclave.Result|nil
---@return enclave.Error? err invalid, not_found, timeout, exhausted, cancelled, lost, …
function Pools:execute_tool_in_pool(tool_name, parameters, options)
  local op = "execute_tool_in_pool"
  if type(options) == "number" then
    options = { timeout = options }
  end
  errors.check_options(op, options, { timeout = "number", pool = "string",
    on_progress = "function", on_stdout = "function", on_stderr = "function" })
  options = options or {}
  local fine, err = errors.check_time(op, "timeout", options.timeout)
  if not fine then
    return nil, err
  end
  local entry, call
  entry, err = find_pool(self, options.pool or "default", op)
  if not entry then
    return nil, err
  end
  call, err = execute.prepare(entry.tools, tool_name, parameters, op)
  if not call then
    return nil, err
  end
  local started = core.now()
  local held <close>, problem = borrow(self, entry, options.timeout, call.tool.name)
  if not held then
    return nil, problem
  end
  local result
  result, err = execute.run(held.sandbox, call, execute.listening(entry.host, options,
    entry.reuse ~= "keep"), core.now() - started)
  if result then
    entry.pool:ran(result.execution_time)
  elseif err.code == "lost" then
    held:retire("lost")
  end
  return result, err
end

return Pools
