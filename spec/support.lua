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

---The text of a file; "" while there is none.
function Folder:read(name)
  local file = io.open(self.path .. "/" .. name, "rb")
  local text = file and file:read("a") or ""
  if file then
    file:close()
  end
  return text
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

---Runs the docker client; its output, or nil when it failed and may.
function support.docker(arguments, may_fail)
  local host = os.getenv("DOCKER_HOST")
  local command = ("docker %s %s 2>/dev/null"):format(host and "-H " .. host or "", arguments)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  local fine = pipe:close()
  if not fine and not may_fail then
    error("failed: " .. command, 2)
  end
  return fine and output or nil
end

local Process = {}
Process.__index = Process

---Starts a command of the shell in the background, in a folder of support.folder; waits until
---what it wrote has the pattern. Its `match` is what the pattern caught.
function support.start(folder, name, command, pattern)
  local log = folder:write(name, "")
  local pipe = assert(io.popen(("exec %s >'%s' 2>&1 & echo $!"):format(command, log)))
  local self = setmetatable({ pid = pipe:read("n"), log = log }, Process)
  pipe:close()
  self.match = support.eventually(function()
    return self:output():match(pattern)
  end, command .. " writes " .. pattern, 90)
  return self
end

function Process:output()
  local file = assert(io.open(self.log, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

function Process:signal(name)
  return os.execute(("kill -%s %d 2>/dev/null"):format(name, self.pid))
end

---Kills it and waits for its end.
function Process:kill()
  self:signal("KILL")
  support.eventually(function()
    return not self:signal(0)
  end, "the process has ended")
end

---The name or id of a sandbox's container.
function support.container_of(manager, id)
  local metadata = assert(manager:get_sandbox_info(id)).metadata
  return assert(metadata.container_id or metadata.container, "no container in the metadata")
end

return support
