-- A notebook: what one cell defines, the next one has. IPython where the image has it, else a plain
-- kernel with the same contract; no network and no port.
--
--   enclave-lua examples/notebook.lua
local enclave = require "enclave"

local notebook <close> = assert(enclave.sandbox{
  sandbox_type = "docker_notebook",
  image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim",
})

local function cell(code, timeout)
  return assert(notebook:execute_tool("notebook_executor", { code = code, timeout = timeout }))
end

cell("numbers = [3, 1, 2]")
print(cell("print('sorting'); sorted(numbers)").output)

-- A cell that takes too long is interrupted, and the state stays.
local late = cell("import time\ntime.sleep(60)", 0.5)
print("status " .. late.status)
print(cell("len(numbers)").output)

-- Rich output comes as a list, as notebook files hold it; images are in base64.
local rich = cell([[
class Table:
    def _repr_html_(self):
        return "<table><tr>" + "".join(f"<td>{n}</td>" for n in numbers) + "</tr></table>"
Table()]])
for _, output in ipairs(rich.metadata.outputs) do
  print(output.output_type .. ": " .. tostring(output.data["text/html"]))
end
