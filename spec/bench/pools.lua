-- Filling a pool, closing a manager, and what an idle sandbox costs the host in memory.
local core = require "enclave.core"
local enclave = require "enclave"
local machine = require "spec.bench.machine"
local measure = require "spec.bench.measure"

local pools = {}

-- Seconds of the filling, and of the manager's close. parallel: creations at a time.
local function fill(options, parallel)
  local manager <close> = assert(enclave.manager())
  local filling = measure.seconds(function()
    local ids, err = manager:initialize_pool{ pool_size = options.sandboxes, parallel = parallel,
      config = { image = options.image } }
    if err then
      error(err, 0)
    end
    assert(#ids == options.sandboxes)
  end)
  local closing = measure.seconds(function()
    manager:close()
  end)
  return filling, closing
end

---@param rows table[]
---@param options table
function pools.measure(rows, options)
  local together, alone, closing = {}, {}, {}
  for i = 1, options.fillings do
    together[i], closing[2 * i - 1] = fill(options, nil)
    alone[i], closing[2 * i] = fill(options, 1)
  end
  table.insert(rows, { key = "warm_up", unit = "s",
    what = ("warm-up of %d sandboxes"):format(options.sandboxes),
    figure = measure.summary(together), baseline = measure.summary(alone),
    against = "one after another (parallel = 1)", must = { times = 2 },
    note = "the aim is the engine's own parallel limit, which is the machine's" })
  table.insert(rows, { key = "close", unit = "s",
    what = ("closing a manager with %d sandboxes"):format(options.sandboxes),
    figure = measure.summary(closing), must = { most = 2 } })
end

-- ---- memory -------------------------------------------------------------------------------

-- The host's process ids of what runs in each of these containers.
local function processes_of(containers)
  local found = {}
  for _, entry in ipairs(core.scandir("/proc") or {}) do
    local groups = entry.name:find("^%d+$") and machine.read("/proc/" .. entry.name .. "/cgroup")
    local container = groups and groups:match("(" .. ("%x"):rep(64) .. ")")
    if container and containers[container] then
      found[container] = found[container] or {}
      table.insert(found[container], entry.name)
    end
  end
  return found
end

-- KiB of all processes together; nil when it may not be read.
local function memory(pids, field)
  local sum = 0
  for _, pid in ipairs(pids) do
    local kib = (machine.read("/proc/" .. pid .. "/smaps_rollup") or "")
      :match("\n" .. field .. ":%s*(%d+) kB")
    if not kib then
      return nil
    end
    sum = sum + tonumber(kib)
  end
  return sum
end

---The processes of idle sandboxes that keep no interpreter: the agent and whatever it needs.
---@param rows table[]
---@param options table
function pools.memory(rows, options)
  local row = { key = "memory", what = "memory of the agent, an idle sandbox (PSS)",
    unit = "KiB", against = "the same as RSS", must = { most = 300 } }
  table.insert(rows, row)
  local manager <close> = assert(enclave.manager())
  assert(manager:initialize_pool{ pool_size = 4,
    config = { image = options.image, tools_config = {} } })
  local containers = {}
  for _, facts in ipairs(manager:list_sandboxes()) do
    containers[facts.metadata.container_id] = true
  end
  core.sleep(0.2)
  local shares, resident = {}, {}
  for _, pids in pairs(processes_of(containers)) do
    table.insert(shares, memory(pids, "Pss"))
    table.insert(resident, memory(pids, "Rss"))
  end
  if #shares > 0 then
    row.figure, row.baseline = measure.summary(shares), measure.summary(resident)
  else
    row.note = "not measured here: the containers' processes are not this user's to look into"
      .. " (it needs root, on the host of the engine)"
  end
end

-- ---- the engine alone ---------------------------------------------------------------------

---Whole calls on sandboxes in memory, which answer at once: what is left is the engine's own
---work, from the tool's parameters to its result.
---@param rows table[]
---@param options table
function pools.overhead(rows, options)
  local manager <close> = assert(enclave.manager())
  assert(manager:initialize_pool{ pool_size = 4, sandbox_type = "fake" })
  local samples, count = {}, options.batch
  for batch = 0, options.batches do
    samples[math.max(1, batch)] = measure.seconds(function() -- the first is not counted
      for _ = 1, count do
        local result = assert(manager:execute_tool_in_pool("python_executor",
          { code = "print(1+1)" }))
        assert(result.status == "success", result.error)
      end
    end) / count * 1e6
  end
  table.insert(rows, { key = "overhead", unit = "µs", what = "engine's own overhead, a call",
    figure = measure.summary(samples), must = { most = 50 },
    note = ("on the fake driver, means of %d calls"):format(count) })
end

return pools
