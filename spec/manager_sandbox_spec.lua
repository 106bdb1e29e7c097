-- Sandboxes of one's own, by a manager and without one, in memory.
local enclave = require "enclave"
local support = require "spec.support"

describe("single sandboxes", function()
  local manager
  before_each(function()
    manager = assert(enclave.manager{ log_level = "off" })
  end)
  after_each(function()
    manager:close()
  end)

  it("are made, listed, used, stopped and deleted", function()
    local id = assert(manager:create_sandbox("fake", { tools_config = { "shell_executor" } }))
    local info = assert(manager:get_sandbox_info(id))
    assert.equal(id, info.id)
    assert.equal("fake", info.type)
    assert.equal("running", info.status)
    assert.same({ "shell_executor" }, info.config.tools_config)
    assert.is_string(info.config.image)
    assert.matches("^%d+%-%d+%-%d+T%d+:%d+:%d+%.%d+Z$", info.created_at)
    assert.equal("function", info.available_tools.shell_executor.type)
    assert.equal("shell_executor", info.available_tools.shell_executor["function"].name)
    assert.same(info.available_tools, manager:get_sandbox_tools(id))

    local result = assert(manager:execute_tool(id, "shell_executor",
      { command = { "echo", "hi" } }))
    assert.equal("hi\n", result.output)
    assert.equal(id, result.metadata.sandbox_id)
    local none, err = manager:execute_tool(id, "python_executor", { code = "" })
    assert.is_nil(none)
    assert.equal("not_found", err.code)

    assert.equal(1, #manager:list_sandboxes())
    assert.equal(0, #manager:list_sandboxes("stopped"))
    assert(manager:stop_sandbox(id))
    assert.equal("stopped", manager:get_sandbox_info(id).status)
    assert.equal(1, #manager:list_sandboxes("stopped"))
    assert.same({ stopped = 1 }, manager:get_stats().status_counts)
    none, err = manager:execute_tool(id, "shell_executor", { command = { "true" } })
    assert.is_nil(none)
    assert.equal("closed", err.code)
    assert.is_nil((manager:stop_sandbox(id)))
    assert(manager:delete_sandbox(id))
    assert.is_nil((manager:get_sandbox_info(id)))
    assert.equal(0, manager:get_stats().total_sandboxes)
  end)

  it("take files and give them back", function()
    local id = assert(manager:create_sandbox("fake"))
    local bytes = "a\0b\xff"
    assert(manager:put_file(id, "data", bytes))
    assert.equal(bytes, manager:get_file(id, "data"))
  end)

  it("keep a file that is called as code usually is", function()
    local id = assert(manager:create_sandbox("fake"))
    assert(manager:put_file(id, "main.py", "mine"))
    assert(manager:execute_tool(id, "python_executor", { code = "print(1)" }))
    assert.equal("mine", manager:get_file(id, "main.py"))
    local box <close> = assert(enclave.sandbox{ sandbox_type = "fake" })
    assert(box:put_file("main.py", "mine"))
    assert(box:run{ interpreter = "python3", code = "print(1)" })
    assert.equal("mine", box:get_file("main.py"))
  end)

  it("of a pool are shown but not used by id", function()
    local ids = assert(manager:initialize_pool(1, "fake"))
    assert.equal("idle", assert(manager:get_sandbox_info(ids[1])).status)
    assert.equal(ids[1], manager:list_sandboxes()[1].id)
    local none, err = manager:execute_tool(ids[1], "shell_executor", { command = "true" })
    assert.is_nil(none)
    assert.equal("invalid", err.code)
    assert.matches('belongs to the pool "default"', err.message, 1, true)
    assert.is_nil((manager:delete_sandbox(ids[1])))
  end)

  it("that died say so", function()
    local id = assert(manager:create_sandbox("fake"))
    local none, err = manager:execute_tool(id, "shell_executor", { command = { "die" } })
    assert.is_nil(none)
    assert.equal("lost", err.code)
    none, err = manager:execute_tool(id, "shell_executor", { command = { "true" } })
    assert.is_nil(none)
    assert.equal("lost", err.code)
    support.eventually(function()
      return manager:get_sandbox_info(id).status == "error"
    end, "it is shown as broken")
    assert(manager:delete_sandbox(id))
  end)

  it("are all cleaned up at once", function()
    for _ = 1, 3 do
      assert(manager:create_sandbox("fake"))
    end
    assert.equal(3, manager:cleanup_all_sandboxes())
    assert.equal(0, #manager:list_sandboxes())
  end)

  it("meet on_create and on_destroy hooks", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    folder:write("seen.lua", [[return { name = "seen", api = 1,
      on_create = function(box) assert(box:put_file("created", "yes")) end,
      on_destroy = function(box) SEEN(box:get_file("created")) end }]])
    local seen
    _G.SEEN = function(bytes)
      seen = bytes
    end
    local other = assert(enclave.manager{ hooks = { folder.path } })
    local id = assert(other:create_sandbox("fake"))
    assert(other:delete_sandbox(id))
    other:close()
    _G.SEEN = nil
    assert.equal("yes", seen)
  end)

  it("are not kept when on_create fails", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    folder:write("no.lua", [[return { name = "no", api = 1,
      on_create = function() return nil, "not today" end }]])
    local other = assert(enclave.manager{ hooks = { folder.path } })
    local none, err = other:create_sandbox("fake")
    assert.is_nil(none)
    assert.matches("hook no failed: not today", err.message, 1, true)
    assert.equal(0, other:get_stats().total_sandboxes)
    other:close()
  end)

  it("work without a manager, and are gone after their block", function()
    local kept
    do
      local sandbox <close> = assert(enclave.sandbox{ sandbox_type = "fake",
        tools_config = { shell_executor = {} } })
      kept = sandbox
      assert.equal("hi\n", assert(sandbox:execute_tool("shell_executor",
        { command = { "echo", "hi" } })).output)
      assert.equal("there\n", assert(sandbox:run{ argv = { "echo", "there" } }).stdout)
    end
    local none, err = kept:run{ argv = { "true" } }
    assert.is_nil(none)
    assert.equal("closed", err.code)
  end)

  it("say what is wrong with their options", function()
    local none, err = enclave.sandbox{ sandbox_type = "dokcer" }
    assert.is_nil(none)
    assert.equal("invalid", err.code)
    assert.is_false((pcall(enclave.sandbox, { sandbox_type = "fake", imgae = "x" })))
    assert.is_false((pcall(enclave.sandbox, "python")))
  end)

  it("stream output and end when the loop is left", function()
    local sandbox <close> = assert(enclave.sandbox{ sandbox_type = "fake" })
    local got = {}
    for stream, bytes in assert(sandbox:stream{ argv = { "echo", "a", "b" } }) do
      got[#got + 1] = stream .. ":" .. bytes
    end
    assert.same({ "stdout:a b\n" }, got)
    for _ in assert(sandbox:stream{ argv = { "spam", "10000000" } }) do -- luacheck: ignore 512
      break
    end
    local reader = assert(sandbox:stream{ argv = { "fail" } })
    local text = ""
    for stream, bytes in reader do
      text = text .. stream .. bytes
    end
    assert.equal("stderrfailed\n", text)
    assert.equal(1, assert(reader:result()).exit_code)
    assert.equal(1, assert(reader:result()).exit_code)
  end)

  it("take input while they run", function()
    local sandbox <close> = assert(enclave.sandbox{ sandbox_type = "fake" })
    local reader <close> = assert(sandbox:stream{ argv = { "cat" }, stdin_open = true })
    assert(reader:write("hello"))
    local stream, bytes = reader:read()
    assert.same({ "stdout", "hello" }, { stream, bytes })
    reader:close_input()
    assert.is_nil((reader:read()))
    assert.equal("exited", assert(reader:result()).status)
  end)
end)
