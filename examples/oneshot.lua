-- One sandbox of one's own, without a pool: files in, a program, its output as it comes, files
-- out.
--
--   enclave-lua examples/oneshot.lua
local enclave = require "enclave"

print("making a sandbox")
local sandbox <close> = assert(enclave.sandbox{
  image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim",
  memory_limit = "256m",
})

-- A program's text as a tool call.
local result = assert(sandbox:execute_tool("python_executor", {
  code = "import sys; print(sum(int(line) for line in sys.stdin))",
  stdin = "1\n2\n3\n",
}))
print("the sum is " .. result.output)

-- Files go in and out.
assert(sandbox:put_file("data/words.txt", "pear\napple\nfig\n"))
assert(sandbox:run{ command = "sort data/words.txt > sorted.txt" })
io.write("sorted:\n", assert(sandbox:get_file("sorted.txt")))

-- Output as it comes, each stream apart.
local lines = [[
import sys, time
for i in range(3):
    print("line", i, flush=True)
    time.sleep(0.1)
print("done", file=sys.stderr)
]]
for stream, bytes in assert(sandbox:stream{ interpreter = "python3", code = lines }) do
  io.write(("[%s] %s"):format(stream, bytes))
end

-- A program that runs too long is killed, and what it wrote is kept.
local run = assert(sandbox:run{ command = "echo working; sleep 60", timeout = 0.5 })
print(("status %s, output %q"):format(run.status, run.stdout))
