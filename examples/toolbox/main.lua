-- What tools can do besides running one program: call each other, use several sandboxes, tell their
-- progress, use a secret of the host; and hooks around all of it.
--
--   enclave-lua examples/toolbox/main.lua
local enclave = require "enclave"

local here = arg[0]:match("^(.*)/[^/]*$") or "."

local manager <close> = assert(enclave.manager{
  tools = { here .. "/tools" },
  hooks = { here .. "/hooks" },
  secrets = { SIGNING_KEY = "a key that only this host knows" },
})
assert(manager:initialize_pool{
  pool_size = 3,
  config = { image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim",
    tools_config = { "estimate_pi", "report", "file_operation" } },
})

local result = assert(manager:execute_tool_in_pool("estimate_pi", { parts = 4 }, {
  on_progress = function(event)
    print(("part %d of %d"):format(event.done, event.of))
  end,
}))
print("pi is about " .. result.output)

result = assert(manager:execute_tool_in_pool("report", {
  files = { ["a.txt"] = "one two three", ["b.txt"] = "four five" } }))
io.write("the report:\n", result.output)
print("words: " .. result.metadata.words)

result = assert(manager:execute_tool_in_pool("file_operation",
  { operation = "read", path = "greeting.txt" }))
io.write(result.output)

-- The same tools for the API of a language model.
for _, tool in ipairs(assert(enclave.schemas("anthropic", { tools = { here .. "/tools" },
  tools_config = { "report", "sign" } }))) do
  print(("%s: %s"):format(tool.name, tool.description))
end
