-- The sandboxes of a manager that belong to no pool: made, used and removed one by one.
local core = require "enclave.core"
local driver = require "enclave.driver"
local errors = require "enclave.errors"
local execute = require "enclave.execute"
local hooks = require "enclave.hooks"
local json = require "enclave.json"
local result = require "enclave.result"
local sandbox_methods = require "enclave.sandbox"
local toolset = require "enclave.toolset"

---@class enclave.Manager
local Sandboxes = {}

local statuses = { initializing = true, running = true, idle = true, busy = true,
  stopping = true, stopped = true, error = true }
local goodbye = 5       -- seconds that on_destroy hooks may take
local forgotten = 3600  -- seconds after which one that stopped or died is no longer listed

---Makes a sandbox that lives until it is stopped or the manager closes. Waits until it is up.
---@param sandbox_type? string default "docker"
---@param config? table sandbox config, with tools_config
---@param options? { progress?: fun(what: string, part: string, current: integer, total: integer) }
---@return string|nil id
---@return enclave.Error? err
function Sandboxes:create_sandbox(sandbox_type, config, options)
  local op = "create_sandbox"
  errors.check(op, "sandbox_type", sandbox_type, "string|nil")
  errors.check(op, "config", config, "table|nil")
  errors.check_options(op, options, { progress = "function" })
  if self.closed then
    return nil, errors.new("closed", "the manager is closed", op)
  end
  sandbox_type = sandbox_type or "docker"
  local driver_name, driver_options = driver.find(sandbox_type, self.options, op)
  if not driver_name then
    return nil, driver_options
  end
  local tools, err = toolset.new(self.registry, sandbox_type, config and config.tools_config, op)
  if not tools then
    return nil, err
  end
  local function create(progress)
    return core.sandbox(driver_name, driver_options, tools:core_config(config, "keep"), progress)
  end
  local sandbox
  sandbox, err = create(options and options.progress)
  if not sandbox then
    return nil, err
  end
  local entry = { sandbox = sandbox, tools = tools, tools_config = config and config.tools_config,
    context = { sandbox_type = sandbox_type, reuse = "keep" },
    first_facts = sandbox:describe() or { id = sandbox.id, config = {}, metadata = {} } }
  sandbox_methods.bind(sandbox, { execute = execute.alone(tools, create),
    keeps = not (config and config.reuse) or config.reuse == "keep" })
  local fine
  fine, err = hooks.run(self.registry:hooks("on_create"), "on_create", sandbox, entry.context)
  if not fine or self.closed then
    sandbox:close()
    return nil, err or errors.new("closed", "the manager was closed meanwhile", op)
  end
  self.sandboxes[sandbox.id] = entry
  return sandbox.id
end

local function not_found(id, op)
  return nil, errors.new("not_found", ("there is no sandbox %s"):format(
    (errors.show(id):gsub("^string ", ""))), op)
end

-- What is a list in JSON also when it is empty.
local lists = { cap_add = true, security_opt = true, preload = true, warm = true, command = true }

-- Facts about a sandbox as callers see them.
local function info_of(facts, tools, tools_config)
  local info = {}
  for key, value in pairs(facts) do
    info[key] = value
  end
  for _, key in ipairs({ "created_at", "updated_at" }) do
    if type(info[key]) == "number" then
      info[key] = result.timestamp(info[key])
    end
  end
  local config = {}
  for key, value in pairs(facts.config or {}) do
    config[key] = lists[key] and json.array(value) or value
  end
  config.tools_config = tools_config
  info.config = config
  info.type = tools.sandbox_type
  info.available_tools = tools:schemas()
  return info
end

-- Stopped ones keep their last facts for a while; of one that died the first are known.
local function facts_of(entry)
  local facts = entry.last_facts or entry.sandbox:describe()
  if not facts then
    facts = entry.first_facts
    facts.status = entry.sandbox:status()
  end
  return facts
end

local function forget_old(self)
  local now = core.now()
  for id, entry in pairs(self.sandboxes) do
    if not entry.ended_at and entry.sandbox:status() == "error" then
      entry.ended_at = now -- it has died
    end
    local ended_at = entry.stopped_at or entry.ended_at
    if ended_at and now - ended_at > forgotten then
      self.sandboxes[id] = nil
    end
  end
end

-- Every sandbox: facts, tools, tools_config.
local function each(self, visit)
  forget_old(self)
  for _, entry in pairs(self.sandboxes) do
    visit(facts_of(entry), entry.tools, entry.tools_config)
  end
  for _, entry in pairs(self.pools) do
    for _, facts in ipairs(entry.pool:sandboxes() or {}) do
      visit(facts, entry.tools, (entry.options.config or {}).tools_config)
    end
  end
end

---@param id string also of a sandbox of a pool
---@return table|nil info { id, status, type, config, created_at, updated_at, metadata,
---available_tools }
---@return enclave.Error? err
function Sandboxes:get_sandbox_info(id)
  errors.check("get_sandbox_info", "sandbox_id", id, "string")
  local entry = self.sandboxes[id]
  if entry then
    return info_of(facts_of(entry), entry.tools, entry.tools_config)
  end
  local info
  each(self, function(facts, tools, tools_config)
    if facts.id == id then
      info = info_of(facts, tools, tools_config)
    end
  end)
  if not info then
    return not_found(id, "get_sandbox_info")
  end
  return info
end

---@param status? string only those with this status
---@return table[]|nil # infos, the oldest first
---@return enclave.Error? err
function Sandboxes:list_sandboxes(status)
  errors.check("list_sandboxes", "status", status, "string|nil")
  if status and not statuses[status] then
    return nil, errors.new("invalid", ("status: expected one of initializing, running, idle, busy,"
      .. " stopping, stopped, error; got %s"):format(errors.show(status)), "list_sandboxes")
  end
  local list = {}
  each(self, function(facts, tools, tools_config)
    if not status or facts.status == status then
      list[#list + 1] = info_of(facts, tools, tools_config)
    end
  end)
  table.sort(list, function(a, b)
    if a.created_at ~= b.created_at then
      return tostring(a.created_at) < tostring(b.created_at)
    end
    return a.id < b.id
  end)
  return list
end

-- The entry of a sandbox that can be used, or nil, err.
local function usable(self, id, op)
  errors.check(op, "sandbox_id", id, "string")
  local entry = self.sandboxes[id]
  if entry and not entry.stopped_at then
    return entry
  elseif entry then
    return nil, errors.new("closed", ("the sandbox %s is stopped"):format(id), op)
  end
  local pool
  for name, other in pairs(self.pools) do
    for _, facts in ipairs(other.pool:sandboxes() or {}) do
      pool = facts.id == id and name or pool
    end
  end
  if pool then
    return nil, errors.new("invalid", ('the sandbox %s belongs to the pool "%s"; use'
      .. " execute_tool_in_pool"):format(id, pool), op)
  end
  return not_found(id, op)
end

---Runs a tool in a sandbox of create_sandbox. Waits.
---@param id string
---@param tool_name string
---@param parameters? table
---@param options? enclave.Listeners
---@return enclave.Result|nil
---@return enclave.Error? err
function Sandboxes:execute_tool(id, tool_name, parameters, options)
  local entry, err = usable(self, id, "execute_tool")
  if not entry then
    return nil, err
  end
  return entry.sandbox:execute_tool(tool_name, parameters, options)
end

---@param id string
---@return table<string, table>|nil # name -> tool in OpenAI's form
---@return enclave.Error? err
function Sandboxes:get_sandbox_tools(id)
  local info, err = self:get_sandbox_info(id)
  return info and info.available_tools, err
end

-- Says goodbye with a bounded time, then removes it.
local function remove(self, entry)
  local facts = facts_of(entry)
  local list = self.registry:hooks("on_destroy")
  if #list > 0 then
    local farewell = core.spawn(hooks.run_all, list, "on_destroy", entry.sandbox, entry.context,
      core.log)
    if not farewell:join(goodbye) then
      farewell:cancel()
    end
  end
  entry.sandbox:close()
  return facts
end

---Ends a sandbox; its information stays for an hour. Waits until it is gone.
---@param id string
---@return true|nil
---@return enclave.Error? err
function Sandboxes:stop_sandbox(id)
  local entry, err = usable(self, id, "stop_sandbox")
  if not entry then
    return nil, err
  end
  entry.stopped_at = core.now()
  local facts = remove(self, entry)
  facts.status = "stopped"
  facts.updated_at = result.timestamp()
  entry.last_facts = facts
  return true
end

---Ends a sandbox and forgets it. Waits until it is gone.
---@param id string
---@return true|nil
---@return enclave.Error? err
function Sandboxes:delete_sandbox(id)
  errors.check("delete_sandbox", "sandbox_id", id, "string")
  local entry = self.sandboxes[id]
  if not (entry and entry.stopped_at) then
    local err
    entry, err = usable(self, id, "delete_sandbox")
    if not entry then
      return nil, err
    end
  end
  self.sandboxes[id] = nil
  if not entry.stopped_at then
    remove(self, entry)
  end
  return true
end

---Deletes every sandbox of create_sandbox, at the same time; pools stay. Waits.
---@return integer # how many there were
function Sandboxes:cleanup_all_sandboxes()
  local tasks = {}
  for id in pairs(self.sandboxes) do
    tasks[#tasks + 1] = core.spawn(self.delete_sandbox, self, id)
  end
  for _, task in ipairs(tasks) do
    task:join()
  end
  return #tasks
end

-- A method of the sandbox, by id.
local function in_sandbox(self, name, id, ...)
  local entry, err = usable(self, id, name)
  if not entry then
    return nil, err
  end
  return entry.sandbox[name](entry.sandbox, ...)
end

---Writes a file in a sandbox of create_sandbox. Waits; so do the next three.
---@param id string
---@param path string relative to the work folder, or absolute
---@param bytes string
---@param options? { mode?: integer, timeout?: number }
---@return true|nil
---@return enclave.Error? err
function Sandboxes:put_file(id, path, bytes, options)
  return in_sandbox(self, "put_file", id, path, bytes, options)
end

---@param id string
---@param path string
---@param options? { max_size?: integer, timeout?: number } max_size: default 64 MiB
---@return string|nil bytes
---@return enclave.Error? err
function Sandboxes:get_file(id, path, options)
  return in_sandbox(self, "get_file", id, path, options)
end

---@param id string
---@param tar string plain or gzip
---@param folder? string where its files go; default: the work folder
---@return true|nil
---@return enclave.Error? err
function Sandboxes:put_archive(id, tar, folder)
  return in_sandbox(self, "put_archive", id, tar, folder)
end

---@param id string
---@param host_folder string
---@param folder? string where its files go; default: the work folder
---@return true|nil
---@return enclave.Error? err
function Sandboxes:put_dir(id, host_folder, folder)
  return in_sandbox(self, "put_dir", id, host_folder, folder)
end

---@param self enclave.Manager
---@return table<string, integer> by_status
---@return table<string, integer> by_type
---@return integer total
function Sandboxes.count(self)
  local by_status, by_type, total = {}, {}, 0
  forget_old(self)
  for _, entry in pairs(self.sandboxes) do
    local status = entry.stopped_at and "stopped" or entry.sandbox:status()
    by_status[status] = (by_status[status] or 0) + 1
    local kind = entry.tools.sandbox_type
    by_type[kind] = (by_type[kind] or 0) + 1
    total = total + 1
  end
  return by_status, by_type, total
end

return Sandboxes
