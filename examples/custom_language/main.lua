-- A language of one's own for multi_code_executor, as a data file; and a program in it that is
-- judged by cases.
--
--   enclave-lua examples/custom_language/main.lua
--
-- `ENCLAVE_PATH=examples/custom_language` would add it for any program.
local enclave = require "enclave"

local here = arg[0]:match("^(.*)/[^/]*$") or "."

local manager <close> = assert(enclave.manager{ languages = { here .. "/languages" } })

print("filling a pool of 1 sandbox")
assert(manager:initialize_pool{
  pool_size = 1,
  config = { image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim",
    tools_config = { "multi_code_executor" } },
})

local sum = "{ for (i = 1; i <= NF; i++) sum += $i } END { print sum }"

local result = assert(manager:execute_tool_in_pool("multi_code_executor",
  { language = "awk", code = sum, stdin = "1 2 3\n4\n" }))
io.write("the sum is ", result.output)

result = assert(manager:execute_tool_in_pool("multi_code_executor", {
  language = "AWK", code = sum, run_timeout = 5,
  cases = {
    { stdin = "1 2", expected = "3" },
    { stdin = "0.1 0.2", expected = "0.3" },
    { stdin = "", expected = "0" },
  },
}))
print(("%s: %s"):format(result.status, result.error))
for _, case in ipairs(result.metadata.cases) do
  print(("case %d: %s%s"):format(case.index, case.verdict,
    case.difference and ": " .. case.difference or ""))
end

-- What the image lacks is told, with what it has.
result = assert(manager:execute_tool_in_pool("multi_code_executor",
  { language = "lean", code = "#eval 1" }))
print(result.error)
