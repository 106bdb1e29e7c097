-- What a caller may pass to a manager, and what it hears when it is wrong. In memory.
local enclave = require "enclave"
local support = require "spec.support"

describe("a manager", function()
  local manager
  after_each(function()
    if manager then
      manager:close()
      manager = nil
    end
  end)

  local function throws(message, fn, ...)
    local ok, err = pcall(fn, ...)
    assert.is_false(ok)
    assert.equal("invalid", err.code)
    assert.matches(message, err.message, 1, true)
    assert.matches("invalid: ", tostring(err), 1, true)
  end

  local function fails(code, message, value, err)
    assert.is_nil(value)
    assert.equal(code, err.code)
    assert.matches(message, err.message, 1, true)
  end

  local function fake_pool(options)
    manager = assert(enclave.manager())
    options = options or {}
    options.sandbox_type = "fake"
    return manager:initialize_pool(options)
  end

  it("refuses unknown options and wrong types by throwing", function()
    throws('unknown option "docker_hst"; did you mean "docker_host"?', enclave.manager,
      { docker_hst = "x" })
    throws("tools: expected a table, got string", enclave.manager, { tools = "x" })
    throws("tools[1]: expected a string, got number 5", enclave.manager, { tools = { 5 } })
    throws("options: expected a table, got number 5", enclave.manager, 5)
    manager = assert(enclave.manager())
    throws('unknown option "size"', manager.initialize_pool, manager, { size = 2 })
    throws('pool_size: expected a number, got string "2"', manager.initialize_pool, manager,
      { pool_size = "2" })
    throws("pool_size: expected a number or a table, got string", manager.initialize_pool,
      manager, "2")
    throws("config: expected a table", manager.initialize_pool, manager, { config = 1 })
    throws("config.tools_config: expected a table", manager.initialize_pool, manager,
      { config = { tools_config = "python_executor" } })
    throws("config.tools_config.python_executor: expected a table, got number 5",
      manager.initialize_pool, manager, { config = { tools_config = { python_executor = 5 } } })
    throws("tool_name: expected a string, got nothing", function()
      assert(fake_pool())
      manager:execute_tool_in_pool()
    end)
    throws("parameters: expected a table", manager.execute_tool_in_pool, manager,
      "python_executor", "print(1)")
    throws("timeout: expected a number", manager.execute_tool_in_pool, manager,
      "python_executor", { code = "" }, { timeout = "1" })
    throws('unknown option "timout"; did you mean "timeout"?', manager.execute_tool_in_pool,
      manager, "python_executor", { code = "" }, { timout = 1 })
    throws("sandbox_id: expected a string", manager.get_sandbox_info, manager, 5)
  end)

  it("gives nil and an error for values that cannot be used", function()
    manager = assert(enclave.manager())
    fails("invalid", "pool_size: expected a whole number, 0 or more, got number -1",
      manager:initialize_pool(-1))
    fails("invalid", "pool_size: expected a whole number", manager:initialize_pool(1.5))
    fails("invalid", "pool_size: expected a whole number, 0 or more, at most 10000",
      manager:initialize_pool(1e6))
    fails("invalid", "max_size: expected at least pool_size (3), got 2",
      manager:initialize_pool{ pool_size = 3, max_size = 2 })
    fails("invalid", "name: expected 1 to 63", manager:initialize_pool{ name = "" })
    fails("invalid", "name: expected 1 to 63", manager:initialize_pool{ name = "a\27[2J" })
    fails("invalid", 'there is no type "dokcer"; expected "docker" or "docker_notebook";'
      .. " did you mean",
      manager:initialize_pool{ sandbox_type = "dokcer" })
    fails("invalid", 'there is no tool "pyton_executor" (did you mean "python_executor"?)',
      manager:initialize_pool{ config = { tools_config = { "pyton_executor" } } })
    fails("invalid", "memory_limit", manager:initialize_pool{ config = { memory_limit = "12q" } })
    fails("invalid", "bind",
      manager:initialize_pool{ config = { volumes = { ["/data"] = { mode = "ro" } } } })
    fails("invalid", "max_age: expected seconds, 0 or more, got number -1",
      manager:initialize_pool{ max_age = -1 })
    fails("invalid", "log_level", enclave.manager{ log_level = "loud" })
    fails("invalid", "there is no pool yet; call initialize_pool first",
      manager:execute_tool_in_pool("python_executor", { code = "" }))
    fails("not_found", 'there is no pool "big"',
      manager:execute_tool_in_pool("python_executor", { code = "" }, { pool = "big" }))
    fails("invalid", "status: expected one of", manager:list_sandboxes("happy"))
    fails("not_found", "there is no sandbox", manager:get_sandbox_info("nope"))
    fails("not_found", "there is no sandbox", manager:execute_tool("nope", "python_executor"))
    fails("not_found", "there is no sandbox", manager:delete_sandbox("nope"))
    fails("not_found", "there is no sandbox", manager:put_file("nope", "a", "b"))
  end)

  it("throws on unknown fields of the sandbox config", function()
    manager = assert(enclave.manager())
    throws("imgae", manager.initialize_pool, manager, { sandbox_type = "fake",
      config = { imgae = "x" } })
    throws("cpu_limit", manager.initialize_pool, manager, { sandbox_type = "fake",
      config = { cpu_limit = {} } })
  end)

  it("stays usable after mistakes", function()
    assert(fake_pool())
    local run = function(...)
      return manager:execute_tool_in_pool(...)
    end
    fails("not_found", "there is no tool", run("nope", {}))
    fails("invalid", "parameters.code: expected a string, got number 5",
      run("python_executor", { code = 5 }))
    fails("invalid", "parameters.code: missing", run("python_executor"))
    fails("invalid", "parameters.cod: unknown", run("python_executor", { code = "", cod = "" }))
    for _, time in ipairs({ -1, 0 / 0 }) do
      fails("invalid", "timeout: expected seconds, 0 or more", run("python_executor",
        { code = "" }, time))
    end
    fails("invalid", "parameters.timeout: expected more than 0",
      run("python_executor", { code = "", timeout = 0 }))
    assert.equal("hi\n", assert(run("python_executor", { code = 'print("hi")' })).output)
    assert.equal(1, manager:get_stats().totals.borrowed)
  end)

  it("offers only the tools of tools_config, as a list or a map", function()
    assert(fake_pool({ config = { tools_config = { "python_executor" } } }))
    fails("not_found", "the tool shell_executor is not offered here; offered: python_executor",
      manager:execute_tool_in_pool("shell_executor", { command = "true" }))
    assert(manager:initialize_pool{ name = "map", sandbox_type = "fake",
      config = { tools_config = { shell_executor = {} } } })
    assert(manager:execute_tool_in_pool("shell_executor", { command = { "echo", "a" } },
      { pool = "map" }))
  end)

  it("takes the same initialisation again, refuses another", function()
    local ids = assert(fake_pool({ pool_size = 2 }))
    assert.equal(2, #ids)
    assert.same(ids, manager:initialize_pool{ pool_size = 2, sandbox_type = "fake" })
    fails("invalid", 'the pool "default" is initialised already, with other options',
      manager:initialize_pool{ pool_size = 3, sandbox_type = "fake" })
    assert(manager:close_pool())
    assert.equal(3, #assert(manager:initialize_pool(3, "fake")))
    fails("not_found", 'there is no pool "x"', manager:close_pool("x"))
  end)

  it("says what is wrong with a plugin, and loads the rest of the time", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    folder:write("bad.lua", "return { name = ")
    fails("invalid", "bad.lua:1:", enclave.manager{ tools = { folder.path } })
    folder:write("bad.lua", "return { api = 1, execute = print }")
    fails("invalid", "bad.lua:1: name: missing", enclave.manager{ tools = { folder.path } })
    assert(fake_pool())
  end)

  it("does nothing any more once it is closed; closing twice is fine", function()
    assert(fake_pool())
    manager:close()
    manager:close()
    fails("closed", "the manager is closed",
      manager:execute_tool_in_pool("python_executor", { code = "" }))
    fails("closed", "the manager is closed", manager:initialize_pool(1, "fake"))
    fails("closed", "the manager is closed", manager:create_sandbox("fake"))
    assert.is_false(manager:get_stats().running)
  end)
end)
