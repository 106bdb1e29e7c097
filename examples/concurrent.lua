-- More calls at the same time than there are sandboxes: they queue, first come, first served.
--
--   enclave-lua examples/concurrent.lua
local enclave = require "enclave"

local sandboxes, calls = 2, 8
local manager <close> = assert(enclave.manager())

print(("filling a pool of %d sandboxes"):format(sandboxes))
assert(manager:initialize_pool{
  pool_size = sandboxes,
  config = { image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim" },
})

-- Each call works for a quarter of a second: 8 calls on 2 sandboxes take about one second.
local jobs = {}
for i = 1, calls do
  jobs[i] = function()
    return manager:execute_tool_in_pool("python_executor",
      { code = ("import time; time.sleep(0.25); print(%d ** 2)"):format(i) }, { timeout = 60 })
  end
end

local started = enclave.now()
local results, first_error = enclave.gather(jobs)
local seconds = enclave.now() - started
if not results or first_error then
  error(first_error, 0)
end

for i, entry in ipairs(results) do
  local result = entry.value
  if result.status ~= "success" then
    error(("call %d: %s"):format(i, result.error), 0)
  end
  print(("%d squared is %s   (waited %.3f s, in %s)"):format(i, result.output:match("%d+"),
    result.metadata.phases.wait, result.metadata.sandbox_id))
end
print(("%d calls of 0.25 s on %d sandboxes: %.2f s"):format(calls, sandboxes, seconds))

-- A call that will not wait says so.
local busy = enclave.spawn(function()
  return enclave.gather{ jobs[1], jobs[2] }
end)
enclave.sleep(0.1)
local none, err = manager:execute_tool_in_pool("python_executor", { code = "pass" },
  { timeout = 0 })
print(("without waiting: %s"):format(none and none.status or tostring(err)))
assert(busy:join())
