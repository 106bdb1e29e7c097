-- main.lua - 32 callers with a mix of tools on two pools, while faults.py breaks what they stand
-- on; then counts, and says what was not as it must be. run.sh starts it.
--
--   enclave-lua spec/chaos/main.lua FOLDER
--
-- One pool reaches its engine through a socket, the other through TCP as if it were remote; both
-- through the proxy. Their calls must end in time, with their own output or an error of the
-- contract; the pools must come back, and nothing may be left.
local enclave = require "enclave"
local core = require "enclave.core"
local calls = require "spec.chaos.calls"

local folder = arg[1]
local callers, size, back_in = 32, 4, 10

local function read(name)
  local file = io.open(folder .. "/" .. name)
  local text = file and file:read("a")
  if file then
    file:close()
  end
  return text
end

local function descriptors()
  core.drop_idle()
  collectgarbage()
  return #core.scandir("/proc/self/fd")
end

local function resident()
  collectgarbage()
  local pages = io.open("/proc/self/statm"):read("a"):match("%d+ (%d+)")
  return pages * 4096 / 1024 / 1024
end

-- An engine that was killed while it removed a container may go on listing it, dead and without
-- a name; there is nothing to inspect or to remove.
local function containers()
  local engine = "docker -H 'unix://" .. folder .. "/engine/docker.sock' "
  local pipe = io.popen(engine .. "ps -aq --filter label=enclave.owner | xargs -r " .. engine
    .. "inspect --format '{{.Name}} {{.State.Status}} {{.Created}}' 2>/dev/null")
  local list = pipe:read("a")
  pipe:close()
  return list
end

local function manager(host)
  local made = assert(enclave.manager{ docker_host = host, log_level = "off",
    tools = { "spec/chaos/tools" } })
  assert(made:initialize_pool{ pool_size = size,
    config = { image = os.getenv("ENCLAVE_IMAGE"), memory_limit = "128m" } })
  return made
end

-- What the first manager makes for all that follow, such as the watch on plugins, is no leak.
manager("unix://" .. folder .. "/proxy.sock"):close()
local before = descriptors()
local managers = {
  manager("unix://" .. folder .. "/proxy.sock"),
  manager("tcp://127.0.0.1:" .. read("port")),
}
io.open(folder .. "/ready", "w"):close()

local faults
local tally = calls.tally()
local tasks = {}
for i = 1, callers do
  tasks[i] = enclave.spawn(function()
    while not faults do
      calls.one(managers[math.random(#managers)], tally)
    end
  end)
end

local early
while not faults do
  enclave.sleep(0.05)
  early = early or tally.calls >= 1000 and resident()
  faults = read("faults.json")
end
faults = enclave.json.decode(faults)

-- As long as it takes to be whole again, and the lateness of the machine on top.
local began, recovered = enclave.now(), {}
local function whole()
  for i, each in ipairs(managers) do
    local stats = each:get_stats()
    recovered[i] = recovered[i] or stats.idle + stats.busy >= size and enclave.now() - began
  end
  return recovered[1] and recovered[2]
end
while not whole() and enclave.now() - began < back_in + faults.late + 20 do
  enclave.sleep(0.02)
end
for i, each in ipairs(managers) do
  -- What the making of one takes on this machine is no time that was lost.
  local one = each:get_stats().create.max
  tally:expect(recovered[i] and recovered[i] < back_in + faults.late + one,
    "pool %d was back at its size after %s s: %s", i, recovered[i] or "more than 30",
    enclave.json.encode(each:get_stats().pools))
end
for _, task in ipairs(tasks) do
  task:join()
end

local totals = { retired = {} }
for _, each in ipairs(managers) do
  for reason, count in pairs(each:get_stats().totals.retired) do
    totals.retired[reason] = (totals.retired[reason] or 0) + count
  end
  local closing = enclave.now()
  each:close()
  tally:expect(enclave.now() - closing < 10 + faults.late, "closing a manager took %.1f s",
    enclave.now() - closing)
end

local late_deadline = enclave.now() + 10
while enclave.now() < late_deadline and (containers() ~= "" or descriptors() > before
  or core.pending().tasks > 1) do
  enclave.sleep(0.1)
end
tally:expect(containers() == "", "containers are left: %s", containers())
tally:expect(descriptors() <= before, "%d descriptors are left", descriptors() - before)
tally:expect(core.pending().tasks <= 1, "%d tasks are left", core.pending().tasks - 1)
tally:expect(tally.lateness < 1 + faults.late,
  "a call ended %.2f s after its deadline (%s)", tally.lateness, tally.latest)
local grown = resident() - (early or resident())
tally:expect(grown < 16, "the process grew by %.1f MiB", grown)

calls.print("faults", faults.counts)
calls.print("calls", tally.kinds)
calls.print("ended", tally.ends)
calls.print("sandboxes replaced", totals.retired)
local function say(...)
  print(string.format(...))
end
say("%d calls; the latest ended %.2f s past its deadline; the machine was late by %.2f s",
  tally.calls, math.max(tally.lateness, 0), faults.late)
say("the pools were back after %.1f s and %.1f s; memory %+.1f MiB since the 1000th call",
  recovered[1] or -1, recovered[2] or -1, grown)
for _, problem in ipairs(tally.problems) do
  print("PROBLEM " .. problem)
end
os.exit(#tally.problems == 0, true)
