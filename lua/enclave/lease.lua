-- A sandbox borrowed for one call: hooks on the way in and out, and its way back exactly once,
-- also when the call is cancelled or throws. The caller has its result without waiting for the
-- cleaning: hooks of the way back run in a task of their own, and where there is only the
-- built-in reset, the pool does the same by itself.
local core = require "enclave.core"
local errors = require "enclave.errors"
local hooks = require "enclave.hooks"
local sandbox_methods = require "enclave.sandbox"

---@class enclave.Lease
---@field sandbox enclave.Sandbox
---@field context table for hooks and the tool
local Lease = {}
Lease.__index = Lease

local lease = {}

---@param manager enclave.Manager
---@param entry table the pool's
---@param sandbox enclave.Sandbox
---@param tool_name string
---@return enclave.Lease
function lease.new(manager, entry, sandbox, tool_name)
  sandbox_methods.bind(sandbox, { work_folder = entry.config.working_dir,
    keeps = entry.reuse == "keep", execute = entry.executor })
  return setmetatable({ manager = manager, entry = entry, sandbox = sandbox, context = {
    pool = entry.name,
    sandbox_type = entry.sandbox_type,
    reuse = entry.reuse,
    tool_name = tool_name,
  } }, Lease)
end

---One that belongs to no pool: it is removed at the end, and no hooks run.
---@param sandbox enclave.Sandbox
---@return enclave.Lease
function lease.own(sandbox)
  return setmetatable({ sandbox = sandbox }, { __index = Lease, __close = function(self)
    self:retire()
  end })
end

---Runs the on_borrow hooks; one that fails retires the sandbox.
---@return true|nil
---@return enclave.Error? err
function Lease:borrow()
  local fine, err = hooks.run(self.manager.registry:hooks("on_borrow"), "on_borrow",
    self.sandbox, self.context)
  if not fine then
    self:retire(err.code == "lost" and "lost" or "hook")
  end
  return fine, err
end

---The sandbox must not be used again.
---@param reason? string
function Lease:retire(reason)
  local sandbox = self.sandbox
  self.sandbox = nil
  if sandbox then
    sandbox:close(reason)
  end
end

-- The hooks of the way back, for so long at most.
local function run_on_return(manager, sandbox, context, limit)
  local task = core.spawn(hooks.run, manager.registry:hooks("on_return"), "on_return", sandbox,
    context)
  local ended, fine, err = task:join(limit)
  if ended then
    return fine, err
  end
  task:cancel()
  if fine.code ~= "timeout" then
    return nil, fine
  end
  return nil, errors.new("timeout", ("the on_return hooks did not end within %g seconds, the"
    .. " config's max_timeout"):format(limit), "on_return")
end

-- In a task of its own. A sandbox that died under the hooks is the pool's business.
local function give_back(manager, sandbox, context, limit)
  local fine, err = run_on_return(manager, sandbox, context, limit)
  if not fine and err.code ~= "lost" and err.code ~= "closed" then
    core.log("warn", ("sandbox %s is replaced: %s"):format(sandbox.id, tostring(err)))
  end
  sandbox:close(not fine and (err.code == "lost" and "lost" or "hook") or nil)
end

function Lease:__close()
  local sandbox, manager = self.sandbox, self.manager
  self.sandbox = nil
  if not sandbox then
    return
  elseif manager.registry:only_reset() then
    sandbox:close()
    return
  end
  local task
  task = core.spawn(function()
    give_back(manager, sandbox, self.context, self.entry.config.max_timeout)
    manager.returning[task] = nil
  end)
  manager.returning[task] = true
end

return lease
