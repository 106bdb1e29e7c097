-- The main job: code runs in a sandbox borrowed from a warm pool.
--
--   enclave-lua examples/pool.lua
--
-- ENCLAVE_IMAGE names another image than python:3.11-slim.
local enclave = require "enclave"

local image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim"

-- Each step of getting ready, once.
local shown
local function show(what)
  if what ~= shown then
    shown = what
    print("  " .. what)
  end
end

-- Everything that the manager made is removed when it goes out of scope.
local manager <close> = assert(enclave.manager())

print(("filling a pool of 2 sandboxes from %s"):format(image))
local ids = assert(manager:initialize_pool{
  pool_size = 2,
  sandbox_type = "docker",
  config = { image = image, tools_config = { python_executor = {} } },
  progress = show,
})
print(("ready: %s"):format(table.concat(ids, ", ")))

-- timeout: how long to wait for a sandbox that is free.
local result = assert(manager:execute_tool_in_pool("python_executor",
  { code = 'print("from pool")' }, { timeout = 30 }))

print("output: " .. result.output)
print("status: " .. result.status)
if result.error then
  print("error: " .. result.error)
end
print(("took: %.1f ms in the sandbox"):format(result.execution_time * 1000))
print("statistics: " .. enclave.json.encode(manager:get_stats()))

if result.status ~= "success" then
  error("the program did not end well: " .. tostring(result.error), 0)
end
