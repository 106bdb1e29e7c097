-- What several specs of the Lua side need: folders of their own, waiting for something.
local core = require "enclave.core"

local support = {}

local Folder = {}
Folder.__index = Folder

---A new empty folder of the host.
function support.folder()
  local path = os.tmpname()
  os.remove(path)
  assert(os.execute(("mkdir '%s'"):format(path)))
  return setmetatable({ path = path }, Folder)
end

function Folder:write(name, text)
  local file = assert(io.open(self.path .. "/" .. name, "wb"))
  file:write(text)
  file:close()
  return self.path .. "/" .. name
end

function Folder:delete(name)
  assert(os.remove(self.path .. "/" .. name))
end

function Folder:remove()
  os.execute(("rm -rf '%s'"):format(self.path))
end

---The image that specs run in.
support.image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim"

---Waits until test() gives something; fails after some time.
function support.eventually(test, what, seconds)
  local deadline = core.now() + (seconds or 20)
  while core.now() < deadline do
    local value = test()
    if value then
      return value
    end
    core.sleep(0.02)
  end
  error("never happened: " .. what, 2)
end

return support
