-- What becomes of the containers when the process that owns them ends, by signals and without
-- a goodbye.
local enclave = require "enclave"
local support = require "spec.support"

local script = [[
local enclave = require "enclave"
local manager <close> = assert(enclave.manager())
assert(manager:initialize_pool{ pool_size = 2,
  config = { image = os.getenv("ENCLAVE_IMAGE") } })
for _, info in ipairs(manager:list_sandboxes()) do
  print("container " .. info.metadata.container_id)
end
print("pid " .. io.open("/proc/self/stat"):read("n"))
print("ready")
io.stdout:flush()
manager:execute_tool_in_pool("shell_executor", { command = "sleep 200", timeout = 200 })
print("not reached")
]]

describe("the containers of a process", function()
  local folder
  before_each(function()
    folder = support.folder()
  end)
  after_each(function()
    folder:remove()
  end)

  -- Starts it; gives its pid and its containers once it is in the middle of a call.
  local function start(interpreter)
    local path = folder:write("owner.lua", script)
    -- A shell's background job ignores SIGINT unless told otherwise.
    os.execute(("( env --default-signal=INT LUA_PATH='%s' LUA_CPATH='%s' ENCLAVE_IMAGE='%s' '%s'"
      .. " '%s' > '%s/out' 2> '%s/err'; echo $? > '%s/code' ) &"):format(package.path,
      package.cpath, support.image, interpreter, path, folder.path, folder.path, folder.path))
    support.eventually(function()
      return folder:read("out"):find("ready", 1, true) or folder:read("code") ~= ""
    end, "the process is ready", 60)
    local output, containers = folder:read("out"), {}
    for id in output:gmatch("container (%w+)") do
      containers[#containers + 1] = id
    end
    assert.equal(2, #containers, output .. folder:read("err"))
    enclave.sleep(0.3)
    return assert(output:match("pid (%d+)")), containers
  end

  local function gone(containers)
    for _, container in ipairs(containers) do
      support.eventually(function()
        return not support.docker("inspect " .. container, true)
      end, "a container is gone", 30)
    end
  end

  local own = os.getenv("ENCLAVE_LUA") or "build/enclave-lua"

  for signal, code in pairs({ INT = 130, TERM = 143 }) do
    it("are removed by SIG" .. signal .. ", before the process ends", function()
      local pid, containers = start(own)
      assert(os.execute(("kill -%s %s"):format(signal, pid)))
      support.eventually(function()
        return folder:read("code") ~= ""
      end, "the process ended")
      assert.equal(code .. "\n", folder:read("code"))
      for _, container in ipairs(containers) do
        assert.is_nil(support.docker("inspect " .. container, true))
      end
      assert.is_nil(folder:read("out"):find("not reached", 1, true))
    end)
  end

  for name, interpreter in pairs({ ["enclave-lua"] = own,
    ["stock lua"] = os.getenv("LUA") or "lua5.4" }) do
    it("vanish by themselves after SIGKILL of " .. name, function()
      local pid, containers = start(interpreter)
      assert(os.execute("kill -KILL " .. pid))
      gone(containers)
    end)
  end
end)
