-- measure.lua - what this process has and holds: memory, descriptors, handles, tasks; the
-- containers of its engine. Samples over time show whether something grows.
local core = require "enclave.core"

local measure = {}

---The text of a file, or nil.
function measure.read(path)
  local file = io.open(path)
  local text = file and file:read("a")
  if file then
    file:close()
  end
  return text
end

function measure.descriptors()
  core.drop_idle()
  collectgarbage()
  return #core.scandir("/proc/self/fd")
end

---MiB in memory; and MiB of it that are this process's alone or its part of what is shared.
function measure.memory()
  collectgarbage()
  local text = measure.read("/proc/self/smaps_rollup")
  return tonumber(text:match("Rss:%s+(%d+)")) / 1024, tonumber(text:match("Pss:%s+(%d+)")) / 1024
end

---Seconds for which this thread was ready and had no processor.
function measure.waited()
  local text = measure.read("/proc/self/schedstat")
  return text and tonumber(text:match("%d+ (%d+)")) / 1e9 or 0
end

---What `docker ps` lists. An engine that was killed while it removed a container may go on listing
---it, dead and without a name; there is nothing to inspect or to remove.
function measure.containers(folder)
  local engine = "docker -H 'unix://" .. folder .. "/engine/docker.sock' "
  local pipe = io.popen(engine .. "ps -aq --filter label=enclave.owner | xargs -r " .. engine
    .. "inspect --format '{{.Name}} {{.State.Status}} {{.Created}}' 2>/dev/null")
  local list = pipe:read("a")
  pipe:close()
  return list
end

---Volumes of the engine that are not the agent's.
function measure.volumes(folder)
  local pipe = io.popen("docker -H 'unix://" .. folder .. "/engine/docker.sock' volume ls -q"
    .. " | grep -v '^enclave-agent-'")
  local list = pipe:read("a")
  pipe:close()
  return list
end

---Folders of sockets that this process has made.
function measure.socket_folders()
  local found = {}
  local pid = measure.read("/proc/self/stat"):match("^%d+")
  for _, entry in ipairs(core.scandir("/run") or {}) do
    if entry.name:find("^enclave%-%x+%-" .. pid .. "%-") then
      found[#found + 1] = entry.name
    end
  end
  return table.concat(found, " ")
end

local Samples = {}
Samples.__index = Samples

---Takes a sample now and then every so many seconds, whenever it is asked to.
function measure.samples(every)
  return setmetatable({ every = every, began = core.now(), next = 0 }, Samples)
end

function Samples:take(calls)
  local now = core.now() - self.began
  if now < self.next then
    return
  end
  self.next = now + self.every
  local rss, pss = measure.memory()
  local pending = core.pending()
  self[#self + 1] = { seconds = now, calls = calls, rss = rss, pss = pss,
    descriptors = measure.descriptors(), operations = pending.operations, tasks = pending.tasks }
end

---MiB between the first quarter, when everything was done once, and the end.
function Samples:growth()
  local first = self[(#self + 3) // 4]
  return first and self[#self].rss - first.rss or 0
end

function Samples:print()
  print("  seconds     calls  RSS MiB  PSS MiB  descriptors  operations  tasks")
  for _, each in ipairs(self) do
    print(("%9.0f %9d %8.1f %8.1f %12d %11d %6d"):format(each.seconds, each.calls, each.rss,
      each.pss, each.descriptors, each.operations, each.tasks))
  end
end

return measure
