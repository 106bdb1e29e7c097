-- helper.lua - loaded by busted before the specs: fails what leaves something behind. Counted are
-- tasks, pending operations, descriptors of this process, and containers of this process and of
-- those it started.
--
-- A test may end with no more than there was when its body began, all after_each having run: so
-- what setup, lazy or not, has made for several tests is not counted against the first. When the
-- file ends there may be no more than when it began; else the tests that added something are named.
--
-- With ENCLAVE_SPEC_GC=1 everything runs under a collector that collects all the time.
local busted = require "busted"
local core = require "enclave.core"
local http = core.http -- specs may put another in its place
local json = require "enclave.json"

if os.getenv("ENCLAVE_SPEC_GC") == "1" then
  collectgarbage("incremental", 1, 1000, 1)
end

local patience = tonumber(os.getenv("ENCLAVE_SPEC_PATIENCE")) or 15
local kinds = { "tasks", "operations", "descriptors", "containers" }
local docker = os.getenv("DOCKER_HOST")

local function parent_of(pid)
  local file = io.open("/proc/" .. pid .. "/stat")
  local text = file and file:read("a")
  if file then
    file:close()
  end
  return text and text:match(".*%) %S+ (%d+)")
end

local self = io.open("/proc/self/stat"):read("n")

-- Other processes may use the same engine: theirs, as long as they live, are not counted.
local function is_ours(owner)
  local pid = owner:match("^%x+%-(%d+)%-")
  while pid and tonumber(pid) > 1 do
    if tonumber(pid) == self then
      return true
    end
    local parent = parent_of(pid)
    if not parent then
      return true -- it has died
    end
    pid = parent
  end
  return false
end

-- Stays at what it was while no engine answers: some specs stop it.
local seen = 0
local function containers()
  local reply = docker and http({ host = docker, timeout = 10,
    url = "/v1.41/containers/json?all=1&filters=%7B%22label%22%3A%5B%22enclave.owner%22%5D%7D" })
  core.drop_idle()
  if reply and reply.status == 200 then
    seen = 0
    for _, container in ipairs(json.decode(reply.body)) do
      -- Without a name it is only listed: what a killed engine was about to remove.
      local named = type(container.Names) == "table" and container.Names[1]
      if named and is_ours(container.Labels["enclave.owner"]) then
        seen = seen + 1
      end
    end
  end
  return seen
end

-- Without those of /dev/null: libuv holds one in reserve from its first stream on.
local function descriptors()
  local null, found = core.stat("/dev/null"), 0
  for _, entry in ipairs(core.scandir("/proc/self/fd") or {}) do
    local open = core.stat("/proc/self/fd/" .. entry.name)
    if not (open and open.type == null.type and open.mtime == null.mtime) then
      found = found + 1
    end
  end
  return found
end

local function count()
  local found = { containers = containers() } -- first: it may open what is counted below
  found.descriptors = descriptors()
  local pending = core.pending()
  found.tasks, found.operations = pending.tasks, pending.operations
  return found
end

local function more(now, than)
  local found = {}
  for _, kind in ipairs(kinds) do
    if now[kind] > than[kind] then
      found[#found + 1] = ("%d %s more than before"):format(now[kind] - than[kind], kind)
    end
  end
  return found[1] and table.concat(found, ", ")
end

-- What there is more than at most, once everything had time to end; and the count.
local function leaks(most)
  local deadline = core.now() + patience
  while true do
    local now = count()
    local found = more(now, most)
    if not found or core.now() > deadline then
      return found, now
    end
    collectgarbage()
    core.sleep(0.02)
  end
end

local function highest(a, b)
  local result = {}
  for _, kind in ipairs(kinds) do
    result[kind] = math.max(a[kind], b[kind])
  end
  return result
end

-- The test's end was told already, so this is an error beside it, under its name.
local function report(element, leaked)
  local names, at = {}, element
  while at and at.name and at.descriptor ~= "file" do
    table.insert(names, 1, at.name)
    at = busted.parent(at)
  end
  local beside = { descriptor = "leak", name = table.concat(names, " "), trace = element.trace }
  busted.publish({ "error", "leak" }, beside, nil, "it leaks: " .. leaked, {})
end

core.sleep(0) -- the engine has descriptors of its own

local at_file, suspects
local at_test, in_body, test

busted.subscribe({ "file", "start" }, function()
  at_file, suspects = count(), {}
  return nil, true
end, { priority = 1 })

busted.subscribe({ "test", "start" }, function(element)
  test, in_body = element, count()
  return nil, true
end, { priority = 1 })

-- At the root: before every other before_each, after every other after_each.
busted.before_each(function()
  test, in_body, at_test = nil, nil, count()
end)

busted.after_each(function()
  if not in_body then
    return -- its before_each failed
  end
  local leaked, now = leaks(highest(at_test, in_body))
  local name = ("%q"):format(test.name)
  if leaked then
    report(test, leaked)
  end
  local added = more(now, at_test)
  if added then
    suspects[#suspects + 1] = name .. " (" .. added .. ")"
  end
end)

busted.subscribe({ "file", "end" }, function(element)
  local leaked = leaks(at_file)
  if leaked then
    busted.publish({ "error", "file" }, element, nil, ("%s leaks: %s; added by: %s"):format(
      element.name, leaked, suspects[1] and table.concat(suspects, "; ") or "no test alone"), {})
  end
  return nil, true
end, { priority = 1 })
