-- The manager of a server: which requests it sends, and what it makes of the answers. The
-- server is a function here.
local core = require "enclave.core"
local enclave = require "enclave"
local json = require "enclave.json"

describe("a remote manager", function()
  local http, manager, requests, answer

  before_each(function()
    http, requests = core.http, {}
    answer = { status = 200, body = "{}" }
    core.http = function(request) -- luacheck: ignore
      requests[#requests + 1] = request
      if type(answer) == "function" then
        return answer(request)
      end
      return answer
    end
    manager = assert(enclave.manager{ base_url = "http://host:8000/", api_key = "key" })
  end)
  after_each(function()
    core.http = http -- luacheck: ignore
  end)

  local function last()
    return requests[#requests]
  end

  it("executes in the pool", function()
    answer.body = [[{"tool_name":"python_executor","status":"success","output":"1\n",
      "error":null,"execution_time":0.5,"timestamp":"x","metadata":{"exit_code":0}}]]
    local result = assert(manager:execute_tool_in_pool("python_executor", { code = "print(1)" },
      { timeout = 30 }))
    assert.equal("1\n", result.output)
    assert.is_nil(result.error)
    assert.equal("integer", math.type(result.metadata.exit_code))
    assert.equal("POST", last().method)
    assert.equal("http://host:8000/pool/execute?timeout=30&tool_name=python_executor", last().url)
    assert.same({ code = "print(1)" }, json.decode(last().body))
    assert.equal("key", last().headers["X-API-Key"])
    assert.equal("application/json", last().headers["Content-Type"])
  end)

  it("has the very bytes of an output that is no text", function()
    answer.body = [[{"tool_name":"x","status":"success","output":"a\ufffd","error":"\ufffd",
      "metadata":{"output_base64":"Yf8=","error_base64":"/g==","cases":[{"stdout":"\ufffd",
      "stdout_base64":"/w=="},{"stdout":"text"}],"run":{"stderr":"x","stderr_base64":"?"}}}]]
    local result = assert(manager:execute_tool_in_pool("x"))
    assert.equal("a\xff", result.output)
    assert.equal("\xfe", result.error)
    assert.same({ cases = { { stdout = "\xff" }, { stdout = "text" } }, run = { stderr = "x" } },
      result.metadata)
  end)

  it("initialises a pool", function()
    answer.body = '{"message":"ok","pool_size":2,"sandbox_ids":["a","b"]}'
    assert.same({ "a", "b" }, manager:initialize_pool{ pool_size = 2, name = "big pool",
      config = { image = "x" } })
    assert.equal("http://host:8000/pool/initialize?pool=big%20pool&pool_size=2"
      .. "&sandbox_type=docker", last().url)
    assert.same({ image = "x" }, json.decode(last().body))
  end)

  it("has every method of the local one", function()
    for name, method in pairs(getmetatable(assert(enclave.manager()))) do
      local internal = name:find("^__") or name == "count" -- which is for get_stats
      if type(method) == "function" and not internal then
        assert.is_function(manager[name], name)
      end
    end
  end)

  it("closes a pool", function()
    assert.is_true(manager:close_pool())
    assert.equal("http://host:8000/pool", last().url)
    assert.equal("DELETE", last().method)
    assert.is_true(manager:close_pool("big pool"))
    assert.equal("http://host:8000/pool?pool=big%20pool", last().url)
    answer = { status = 404, body = '{"detail":"there is no pool","code":"not_found"}' }
    local none, err = manager:close_pool("x")
    assert.is_nil(none)
    assert.equal("not_found", err.code)
  end)

  it("makes, shows, uses and deletes sandboxes; those of its own when it closes", function()
    answer.body = '{"sandbox_id":"s/1"}'
    assert.equal("s/1", manager:create_sandbox("docker", { image = "x" }))
    answer.body = '{"id":"s/1","status":"running"}'
    assert.equal("running", manager:get_sandbox_info("s/1").status)
    assert.equal("http://host:8000/sandbox/s%2F1", last().url)
    assert(manager:execute_tool("s/1", "shell_executor", { command = "true" }))
    assert.same({ sandbox_id = "s/1", tool_name = "shell_executor",
      parameters = { command = "true" } }, json.decode(last().body))
    answer.body = "[]"
    assert.same({}, manager:list_sandboxes("idle"))
    assert.equal("http://host:8000/sandboxes?status=idle", last().url)
    answer.body = '{"message":"ok"}'
    assert.is_true(manager:stop_sandbox("s/1"))
    assert.is_true(manager:put_file("s/1", "a b", "\0\255"))
    assert.equal("http://host:8000/sandbox/s%2F1/files?path=a%20b", last().url)
    assert.equal("\0\255", last().body)
    answer.body = "\0\255"
    assert.equal("\0\255", manager:get_file("s/1", "a b"))
    answer.body = '{"message":"ok"}'
    manager:close()
    assert.equal("DELETE", last().method)
    local count = #requests
    manager:close()
    assert.equal(count, #requests)
    local none, err = manager:get_stats()
    assert.is_nil(none)
    assert.equal("closed", err.code)
  end)

  for status, code in pairs({ [400] = "invalid", [401] = "invalid", [404] = "not_found",
    [408] = "timeout", [422] = "invalid", [503] = "exhausted", [500] = "internal" }) do
    it(("makes %s of HTTP %d"):format(code, status), function()
      answer = { status = status, body = '{"detail":"because"}' }
      local none, err = manager:execute_tool_in_pool("x")
      assert.is_nil(none)
      assert.equal(code, err.code)
      assert.equal(("because (HTTP %d)"):format(status), err.message)
    end)
  end

  it("believes a code that the server names", function()
    answer = { status = 500, body = '{"detail":"gone","code":"lost"}' }
    local _, err = manager:execute_tool_in_pool("x")
    assert.equal("lost", err.code)
    answer = { status = 422, body = '{"detail":[{"msg":"bad"}]}' }
    _, err = manager:execute_tool_in_pool("x")
    assert.matches('[{"msg":"bad"}]', err.message, 1, true)
  end)

  it("deletes what was made for it after it was closed", function()
    answer = function(request)
      if request.method == "POST" then
        manager:close()
      end
      return { status = 200, body = '{"sandbox_id":"late"}' }
    end
    local none, err = manager:create_sandbox()
    assert.is_nil(none)
    assert.equal("closed", err.code)
    assert.same({ "DELETE", "http://host:8000/sandbox/late" }, { last().method, last().url })
  end)

  it("passes on that the server cannot be reached, and says what is no JSON", function()
    answer = function()
      return nil, core.error("unavailable", "connection refused")
    end
    local none, err = manager:get_stats()
    assert.is_nil(none)
    assert.equal("unavailable", err.code)
    answer = { status = 200, body = "<html>" }
    none, err = manager:get_stats()
    assert.is_nil(none)
    assert.equal("protocol", err.code)
  end)

  it("checks what it is given", function()
    local none, err = enclave.manager{ base_url = "host:8000" }
    assert.is_nil(none)
    assert.equal("invalid", err.code)
    assert.is_false((pcall(enclave.manager, { base_url = "http://x", docker_host = "y" })))
    assert.is_false((pcall(manager.execute_tool_in_pool, manager, "x", "y")))
    assert.is_false((pcall(manager.execute_tool, manager, "x", "y", {}, { on_stdout = print })))
    assert.is_false((pcall(manager.put_file, manager, "x", "y", "z", { mod = 1 })))
    assert.is_false((pcall(manager.get_file, manager, "x", "y", { size = 1 })))
    assert.is_nil((manager:execute_tool_in_pool("x", {}, -1)))
    assert.equal(0, #requests)
  end)
end)

describe("a remote manager and its server", function()
  local server = require "enclave.server"
  local here, http, there

  local function open(driver_options, policy)
    policy = policy or {}
    policy.sandbox_types = { "fake", "docker_notebook" }
    here = assert(enclave.manager{ log_level = "off", driver_options = driver_options })
    http = assert(server.new(here, { port = 0, policy = policy }))
    there = assert(enclave.manager{ base_url = http:url() })
  end
  after_each(function()
    there:close()
    http:close()
    here:close()
  end)

  it("fail as a local one does", function()
    open({ fail_creates = 1, fail_code = "docker" })
    local ids, err = there:initialize_pool{ pool_size = 3, sandbox_type = "fake" }
    assert.is_true(#ids >= 2) -- the third may be there by now
    assert.equal("docker", err.code)
    assert.matches("2 of 3 sandboxes came up", err.message, 1, true)
    ids, err = there:initialize_pool{ pool_size = 3, sandbox_type = "fake" }
    assert.is_table(ids)
    assert.is_nil(err)
  end)

  it("tell why nothing was made", function()
    open({ fail_prepare = true, fail_code = "not_found" })
    local none, err = there:initialize_pool{ pool_size = 3, sandbox_type = "fake" }
    assert.is_nil(none)
    assert.equal("not_found", err.code)
    assert.matches("HTTP 400", err.message, 1, true)
    none, err = there:create_sandbox("fake")
    assert.is_nil(none)
    assert.equal("not_found", err.code)
  end)

  it("have the options of files", function()
    open()
    local id = assert(there:create_sandbox("fake"))
    assert.is_true(there:put_file(id, "a", "bytes", { mode = 493 }))
    assert.equal("bytes", there:get_file(id, "a", { max_size = "5b" }))
    local none, err = there:get_file(id, "a", { max_size = 4 })
    assert.is_nil(none)
    assert.equal(select(2, here:get_file(id, "a", { max_size = 4 })).code, err.code)
    assert.matches("4 bytes", err.message, 1, true)
    for _, query in ipairs({ "mode=8", "mode=77777", "mode=-1", "mode=" }) do
      local reply = assert(core.http{ url = http:url() .. "/sandbox/" .. id .. "/files?path=b&"
        .. query, method = "PUT", body = "x" })
      assert.equal(400, reply.status, query)
    end
    assert.equal(400, assert(core.http{ url = http:url() .. "/sandbox/" .. id
      .. "/files?path=a&max_size=x" }).status)
  end)

  it("do not count sandboxes that have died", function()
    open(nil, { max_sandboxes = 2 })
    for _ = 1, 3 do
      local id = assert(there:create_sandbox("fake"))
      local none, err = there:execute_tool(id, "shell_executor", { command = { "die" } })
      assert.is_nil(none)
      assert.equal("lost", err.code)
    end
    assert(there:create_sandbox("fake"))
    assert(there:create_sandbox("fake"))
    assert.is_nil((there:create_sandbox("fake")))
  end)

  it("keep to the operator's times, also when they are no numbers", function()
    open(nil, { max_timeout = 20 })
    for _, timeout in ipairs({ "abc", true, { 1 } }) do
      local none, err = there:create_sandbox("fake", { timeout = timeout })
      assert.is_nil(none)
      assert.equal("invalid", err.code)
      assert.matches("^timeout: ", err.message)
    end
  end)
end)
