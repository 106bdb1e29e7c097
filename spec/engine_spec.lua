-- A Docker Engine that stops, dies and comes back under a manager. It breaks the private engine
-- that lives in the folder ENCLAVE_TEST_ENGINE; spec/run.sh makes one.
local enclave = require "enclave"
local support = require "spec.support"

assert(os.getenv("ENCLAVE_TEST_ENGINE"),
  "ENCLAVE_TEST_ENGINE: expected the folder of an engine that may be broken (see spec/engine.sh)")

local size = 3

describe("an engine that", function()
  local manager, up

  local function engine(command)
    assert(os.execute(("sh spec/engine.sh %s >/dev/null 2>&1"):format(command)))
    up = command ~= "kill" and command ~= "stop"
  end

  before_each(function()
    up = true
    manager = assert(enclave.manager{ log_level = "off" })
    assert(manager:initialize_pool{ pool_size = size, config = { image = support.image } })
  end)
  after_each(function()
    manager:close()
    if not up then
      engine("start")
    end
  end)

  local function call(timeout, parameters)
    return manager:execute_tool_in_pool("python_executor", parameters or { code = "print(1)" },
      { timeout = timeout })
  end

  -- By name: an engine that was killed while it removed a container may go on listing it, dead,
  -- without a name, and impossible to inspect or remove.
  local function containers()
    local _, count = support.docker("ps -a --filter label=enclave.owner --format '{{.Names}}'")
      :gsub("[^\n]+", "")
    return count
  end

  -- All is as before: calls succeed, the pool is at its size, nothing else is there.
  local function expect_healed()
    local started = enclave.now()
    local result = assert(call(30))
    assert.equal("1\n", result.output)
    assert.is_true(enclave.now() - started < 20)
    local healed, problem = pcall(support.eventually, function()
      return manager:get_stats().idle == size and containers() == size
    end, "the pool is back at its size", 60)
    assert.is_true(healed, not healed and problem .. "\n"
      .. enclave.json.encode(manager:get_stats()) .. "\n" .. support.docker("ps -a"))
  end

  it("is restarted under an idle pool is followed by new sandboxes", function()
    local before = manager:list_sandboxes()
    engine("restart")
    expect_healed()
    for _, info in ipairs(before) do
      assert.is_nil((manager:get_sandbox_info(info.id)))
    end
    local stats = manager:get_stats()
    assert.equal(size, stats.totals.retired.lost)
    assert.equal(0, stats.busy)
  end)

  it("is killed and started again does not cost a caller more than its time", function()
    engine("kill")
    support.eventually(function()
      return manager:get_stats().idle == 0
    end, "the pool has noticed")
    for _, timeout in ipairs{ 0, 0.5, 1 } do
      local started = enclave.now()
      local result, err = call(timeout)
      assert.is_nil(result)
      assert.equal("timeout", err.code)
      assert.is_true(enclave.now() - started < timeout + 2)
    end
    local early = enclave.spawn(function()
      return call(60)
    end)
    enclave.sleep(0.5)
    assert.equal("running", early:status())
    engine("start")
    local _, result = assert(early:join())
    assert.equal("1\n", result.output)
    expect_healed()
  end)

  it("dies under a run makes it lost", function()
    local running = enclave.spawn(function()
      return call(10, { code = "import time; print('here', flush=True); time.sleep(60)" })
    end)
    support.eventually(function()
      return manager:get_stats().busy == 1
    end, "it runs")
    enclave.sleep(0.3)
    engine("kill")
    local started = enclave.now()
    local _, result, err = assert(running:join(20))
    assert.is_nil(result)
    assert.equal("lost", err.code)
    assert.is_true(enclave.now() - started < 5)
    engine("start")
    expect_healed()
  end)

  it("is away does not keep a manager from closing, or a pool from saying so", function()
    engine("kill")
    local up_now, err = manager:initialize_pool{ name = "other", pool_size = 1,
      config = { image = support.image } }
    assert.is_nil(up_now)
    assert.equal("unavailable", err.code)
    local started = enclave.now()
    manager:close()
    assert.is_true(enclave.now() - started < 10)
    engine("start")
    support.eventually(function()
      return containers() == 0
    end, "the engine has removed what was left")
  end)

  it("has lost the agent's volume gets it once for several pools", function()
    assert(manager:close_pool())
    support.docker("volume rm $(docker -H $DOCKER_HOST volume ls -q --filter name=enclave-agent)")
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = enclave.spawn(manager.initialize_pool, manager, { name = "pool" .. i,
        pool_size = 1, config = { image = support.image } })
    end
    for i = 1, 3 do
      local _, ids = assert(tasks[i]:join())
      assert.equal(1, #ids)
    end
  end)

  it("has lost the agent's volume gets it from several processes at the same time", function()
    assert(manager:close_pool())
    support.docker("volume rm $(docker -H $DOCKER_HOST volume ls -q --filter name=enclave-agent)")
    local folder <const> = support.folder()
    finally(function()
      folder:remove()
    end)
    local script = folder:write("one.lua", ([[
local manager <close> = require("enclave").manager()
assert(manager:initialize_pool{ pool_size = 1, config = { image = "%s" } })
local result = assert(manager:execute_tool_in_pool("shell_executor", { command = "true" }, 60))
print(result.metadata.isolation)]]):format(support.image))
    local pipe = io.popen(("for i in 1 2 3 4 5 6; do lua5.4 %s 2>&1 & done; wait"):format(script))
    local text = pipe:read("a")
    pipe:close()
    assert.equal(("reset\n"):rep(6), text) -- "container": the agent could not be executed
  end)

  it("comes back without the agent's volume gets it again", function()
    engine("kill")
    os.execute("rm -rf \"$ENCLAVE_TEST_ENGINE\"/data/volumes/enclave-agent-*")
    engine("start")
    support.eventually(function()
      return (call(10))
    end, "a call succeeds", 40)
    expect_healed()
  end)
end)
