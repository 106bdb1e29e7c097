-- crowd.lua - as many sandboxes as this machine holds, all at work at the same time; then says how
-- many there were, and what they took.
--
--   enclave-lua spec/chaos/crowd.lua [MOST]
--
-- It stops at MOST (400), when memory gets short, or when no more can be made. Each sandbox must
-- have been its own: nobody's word comes twice.
local enclave = require "enclave"
local core = require "enclave.core"
local measure = require "spec.chaos.measure"

local most, step, spare = tonumber(arg[1] or 400), 50, 2048

-- MiB that the machine has left.
local function available()
  return tonumber(measure.read("/proc/meminfo"):match("MemAvailable:%s+(%d+)")) / 1024
end

local function say(...)
  print(string.format(...))
end

local began, before, own = enclave.now(), available(), measure.memory()
local manager <close> = assert(enclave.manager{ log_level = "error" })
local count, pools, why = 0, 0, "that was to be the most"
while count < most do
  if available() < spare then
    why = ("%d MiB of memory are left"):format(available())
    break
  end
  local ids, err = manager:initialize_pool{ name = "crowd" .. pools + 1,
    pool_size = math.min(step, most - count), config = { image = os.getenv("ENCLAVE_IMAGE") } }
  pools = pools + (ids and 1 or 0)
  count = count + #(ids or {})
  if err then
    why = tostring(err)
    break
  end
  say("%4d sandboxes after %5.1f s, %5.1f MiB each", count, enclave.now() - began,
    (before - available()) / count)
end
assert(count > 0, why)

local tasks, seen, different = {}, {}, 0
began = enclave.now()
for i = 1, count do
  tasks[i] = enclave.spawn(function()
    local result = assert(manager:execute_tool_in_pool("python_executor",
      { code = ("import time; print(%d); time.sleep(20)"):format(i), timeout = 120 },
      { pool = "crowd" .. (i - 1) // step + 1, timeout = 120 }))
    assert(result.output == i .. "\n" and result.status == "success", result.error)
    seen[result.metadata.sandbox_id] = true
  end)
end
for _, task in ipairs(tasks) do
  assert(task:join())
end
for _ in pairs(seen) do
  different = different + 1
end
assert(different == count, different .. " sandboxes served " .. count .. " callers")
local worked, grown = enclave.now() - began, measure.memory() - own
began = enclave.now()
manager:close()
say("%d sandboxes (%s): all ran a program of 20 s at the same time in %.1f s; closed in %.1f s;"
  .. " this process grew by %.1f MiB", count, why, worked, enclave.now() - began, grown)
-- What the engine had not removed when the manager's patience ended, it removes now.
local until_gone = enclave.now() + 120
while core.pending().operations > 0 and enclave.now() < until_gone do
  enclave.sleep(0.1)
end
assert(#manager:list_sandboxes() == 0 and core.pending().operations == 0, "something is left")
