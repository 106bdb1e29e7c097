-- main.lua - 32 callers with a mix of tools on two pools, while faults.py breaks what they stand
-- on; then counts, and says what was not as it must be. run.sh starts it.
--
--   enclave-lua spec/chaos/main.lua FOLDER SECONDS
--
-- One pool reaches its engine through a socket, the other through TCP as if it were remote; both
-- through proxy.py. The first is also served by HTTP: a third of the callers are its clients. Two
-- more callers make sandboxes of an image that is pulled again and again. All calls must end in
-- time, with their own output or an error of the contract; the pools must come back, and nothing
-- may be left.
local enclave = require "enclave"
local core = require "enclave.core"
local server = require "enclave.server"
local calls = require "spec.chaos.calls"
local measure = require "spec.chaos.measure"

local folder, seconds = arg[1], tonumber(arg[2])
local callers, size, back_in = 32, 4, 10

local function read(name)
  local text = measure.read(folder .. "/" .. name)
  return text and text:gsub("%s+$", "")
end

local function write(name, text)
  local file = assert(io.open(folder .. "/" .. name .. ".new", "w"))
  file:write(text)
  file:close()
  os.rename(folder .. "/" .. name .. ".new", folder .. "/" .. name)
end

local function manager(host)
  local made = assert(enclave.manager{ docker_host = host, log_level = "off",
    tools = { "spec/chaos/tools" } })
  assert(made:initialize_pool{ pool_size = size,
    config = { image = os.getenv("ENCLAVE_IMAGE"), memory_limit = "128m", pids_limit = 64 } })
  return made
end

-- What the first of each makes for all that follow, such as the watch on plugins, is no leak.
local socket, image = "unix://" .. folder .. "/proxy.sock", read("image")
local first = manager(socket)
assert(server.new(first, { port = 0 })):close()
first:close()
local descriptors = measure.descriptors()

local managers = { manager(socket), manager("tcp://127.0.0.1:" .. read("port")) }
local served = assert(server.new(managers[1], { port = 0 }))
local remote = assert(enclave.manager{ base_url = served:url() })
local called = { managers[1], managers[2], remote }
write("server", served:url():match("%d+$"))
write("ready", "")

local faults
local tally, samples = calls.tally(), measure.samples(math.max(seconds / 12, 2))
local tasks = {}
for i = 1, callers do
  tasks[i] = enclave.spawn(function()
    while not faults do
      calls.one(called[math.random(#called)], tally)
    end
  end)
end
for _, host in ipairs{ socket, "tcp://127.0.0.1:" .. read("port") } do
  tasks[#tasks + 1] = enclave.spawn(function()
    while not faults do
      calls.pulled(host, image, tally)
      enclave.sleep(0.05)
    end
  end)
end

-- The longest that this program kept itself from anything else, and that others kept it from it.
local slow, starved = 0, 0
while not faults do
  local slept, waited = enclave.now(), measure.waited()
  enclave.sleep(0.05)
  slow = math.max(slow, enclave.now() - slept - 0.05)
  starved = math.max(starved, measure.waited() - waited)
  samples:take(tally.calls)
  faults = read("faults.json")
end
faults = enclave.json.decode(faults)
local late = faults.late + starved -- which is nobody's fault

-- As long as it takes to be whole again, and the lateness of the machine on top.
local began, recovered = enclave.now(), {}
local function whole()
  for i, each in ipairs(managers) do
    local stats = each:get_stats()
    recovered[i] = recovered[i] or stats.idle + stats.busy >= size and enclave.now() - began
  end
  return recovered[1] and recovered[2]
end
while not whole() and enclave.now() - began < back_in + late + 20 do
  enclave.sleep(0.02)
end
for i, each in ipairs(managers) do
  -- What the making of one takes on this machine is no time that was lost.
  local one = each:get_stats().create.max
  tally:expect(recovered[i] and recovered[i] < back_in + late + one,
    "pool %d was back at its size after %s s: %s", i, recovered[i] or "more than 30",
    enclave.json.encode(each:get_stats().pools))
end
for _, task in ipairs(tasks) do
  task:join()
end

local totals, recoveries = {}, 0
remote:close()
served:close()
for _, each in ipairs(managers) do
  local stats = each:get_stats()
  recoveries = recoveries + stats.create.count - size
  for reason, count in pairs(stats.totals.retired) do
    totals[reason] = (totals[reason] or 0) + count
  end
  local closing = enclave.now()
  each:close()
  tally:expect(enclave.now() - closing < 10 + late, "closing a manager took %.1f s",
    enclave.now() - closing)
end

-- Each: how much of it is left, which must be nothing.
local left = {
  containers = function() return measure.containers(folder) end,
  volumes = function() return measure.volumes(folder) end,
  ["folders of sockets"] = measure.socket_folders,
  descriptors = function() return measure.descriptors() - descriptors end,
  tasks = function() return core.pending().tasks - 1 end,
  operations = function() return core.pending().operations end,
}
local function is_nothing(value)
  return value == "" or type(value) == "number" and value <= 0
end
local late_deadline = enclave.now() + 10
for what, count in pairs(left) do
  while not is_nothing(count()) and enclave.now() < late_deadline do
    enclave.sleep(0.1)
  end
  tally:expect(is_nothing(count()), "%s are left: %s", what, count())
end
tally:expect(tally.lateness < 1 + late,
  "a call ended %.2f s after its deadline (%s)", tally.lateness, tally.latest)
samples.next = 0
samples:take(tally.calls)
local grown = samples:growth()
tally:expect(grown < 16, "the process grew by %.1f MiB", grown)
local cuts = tonumber(read("cuts") or 0)
tally:expect(cuts > 0, "no pull was cut")

calls.print("faults", faults.counts)
calls.print("calls", tally.kinds)
calls.print("ended", tally.ends)
calls.print("sandboxes replaced", totals)
samples:print()
local function say(...)
  print(string.format(...))
end
say("%d calls; the latest ended %.2f s past its deadline (%s); late by themselves: the machine"
  .. " %.2f s, the callers' loop %.2f s", tally.calls, math.max(tally.lateness, 0), tally.latest,
  late, slow)
say("%d pulls cut in a layer; %d sandboxes made in place of others", cuts, recoveries)
say("the pools were back after %.1f s and %.1f s; memory %+.1f MiB since a quarter of the time",
  recovered[1] or -1, recovered[2] or -1, grown)
for _, problem in ipairs(tally.problems) do
  print("PROBLEM " .. problem)
end
os.exit(#tally.problems == 0, true)
