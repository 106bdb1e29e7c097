-- helper.lua - loaded by busted before the specs. A file that leaves a task, a descriptor or a
-- container behind fails; with ENCLAVE_SPEC_GC=1 everything runs under a collector that
-- collects all the time.
local busted = require "busted"
local core = require "enclave.core"

if os.getenv("ENCLAVE_SPEC_GC") == "1" then
  collectgarbage("incremental", 1, 1000, 1)
end

local docker = os.getenv("DOCKER_HOST")

local function descriptors()
  return #(core.scandir("/proc/self/fd") or {})
end

local function containers()
  if not docker then
    return 0
  end
  local pipe = assert(io.popen("docker -H " .. docker .. " ps -aq --filter label=enclave.owner"
    .. " 2>/dev/null"))
  local _, count = pipe:read("a"):gsub("\n", "")
  pipe:close()
  return count
end

local function now()
  local pending = core.pending()
  return { tasks = pending.tasks, descriptors = descriptors(), containers = containers() }
end

-- Idle connections to the engine are kept open for reuse, at most 32 (src/loop/multi.c): that
-- many more are no leak.
local kept = { tasks = 0, descriptors = 32, containers = 0 }

-- What is there more than before, once everything had time to end.
local function leaks(before)
  local deadline = core.now() + 15
  while true do
    collectgarbage()
    local after, found = now(), {}
    for what, count in pairs(before) do
      if after[what] > count + kept[what] then
        found[#found + 1] = ("%d %s more than before"):format(after[what] - count, what)
      end
    end
    if #found == 0 then
      return nil
    elseif core.now() > deadline then
      return table.concat(found, ", ")
    end
    core.sleep(0.05)
  end
end

local before
busted.subscribe({ "file", "start" }, function()
  before = now()
end)
busted.subscribe({ "file", "end" }, function(element)
  local leaked = leaks(before)
  if leaked then
    busted.publish({ "error", "file" }, element, nil, element.name .. " leaks: " .. leaked, {})
  end
end)
