-- A tool and a cleanup hook of one's own, loaded from files; nothing is compiled.
--
--   enclave-lua examples/custom_tool/main.lua
--
-- `ENCLAVE_PATH=examples/custom_tool` would load both for any program.
local enclave = require "enclave"

local here = arg[0]:match("^(.*)/[^/]*$") or "."

local manager <close> = assert(enclave.manager{
  tools = { here .. "/tools" },
  hooks = { here .. "/hooks" },
})

print("filling a pool of 1 sandbox")
assert(manager:initialize_pool{
  pool_size = 1,
  config = { image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim",
    tools_config = { "word_count", "shell_executor" } },
})

local text = "the quick brown fox jumps over the lazy dog and the cat"
local result = assert(manager:execute_tool_in_pool("word_count", { text = text, top = 2 }))
io.write("the words:\n", result.output)
print("best: " .. tostring(result.metadata.best))

-- The next borrower of the same sandbox finds nothing of it.
local left = assert(manager:execute_tool_in_pool("shell_executor", { command = "ls -A" }))
print(("the next borrower finds: %q"):format(left.output))

-- Bad parameters are told before a sandbox is touched.
local none, err = manager:execute_tool_in_pool("word_count", { text = 5 })
print("a mistake: " .. (none and none.status or tostring(err)))
