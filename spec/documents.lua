-- Writes what the documents take from the code: lua5.4 spec/documents.lua, from the root of the
-- project. spec/plugin_docs_spec.lua fails when this would change something.
local registry = require "enclave.plugins.registry"
local tool_tables = require "enclave.plugins.tool_tables"

local documents = { reference = "lua/enclave/tools/README.md" }

local head = [[
# The built-in tools

Their parameters, and what `tools_config` can say to them, written by `lua5.4 spec/documents.lua`
from the tool files. How to write one: `examples/custom_tool/README.md`.

Every tool also knows `enabled` in `tools_config`; false leaves it out. What blocks or allows
modules, commands, paths and extensions looks at text: a convenience that keeps an honest caller on
its way, not a wall. The walls are the sandbox's.

Files that came with a call, and those that come back, have names below the work folder.
`metadata.files` has `{ content, encoding, size }` of each, at most 200, with encoding `"base64"`
for one that is not UTF-8. `list` shows 1,000 entries and `search` looks at 20,000, past which
`metadata.truncated` is true; a range of a file has at most 16 MiB. `metadata.outputs` of a cell is
a list as notebook files hold it; a sandbox has at most 8 kernels.

]]

---@return string
function documents.tools()
  return head .. tool_tables.markdown(assert(registry.new({ interval = math.huge })):tools())
end

if arg and (arg[0] or ""):find("spec/documents.lua", 1, true) then
  local file = assert(io.open(documents.reference, "w"))
  file:write(documents.tools())
  file:close()
end

return documents
