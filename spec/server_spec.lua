-- The HTTP server with real clients: curl, raw bytes and the Lua client.
local enclave = require "enclave"
local server_process = require "spec.server_process"
local support = require "spec.support"

local config = [[return { max_body = 100000, max_json = 50000, idle_timeout = 20,
  manager = { driver_options = { create_ms = 1 } },
  policy = { sandbox_types = { "docker", "fake" }, max_sandboxes = 8, max_memory = "1g" } }]]

describe("the HTTP server", function()
  local server
  setup(function()
    server = server_process.start("", config)
    assert.equal(200, (server:post("/pool/initialize?pool_size=4&sandbox_type=fake", {})))
  end)
  teardown(function()
    assert.is_true((select(2, server:stop())))
  end)

  it("says how it is", function()
    local status, body = server:curl("/health")
    assert.equal(200, status)
    assert.is_true(body.healthy)
    assert.equal(4, body.active_sandboxes)
    assert.equal(enclave.version, body.version)
    assert.equal(4, body.system_info.pool_size)
    status, body = server:curl("/stats")
    assert.equal(200, status)
    assert.equal(4, body.total_sandboxes)
    status, body = server:curl("/metrics")
    assert.equal(200, status)
    assert.matches('enclave_pool_pool_size{pool="default"} 4\n', body, 1, true)
    assert.equal(200, (server:curl("/health", "-I")))
  end)

  it("executes in the pool", function()
    local status, body = server:post("/pool/execute?tool_name=shell_executor&timeout=10",
      { command = { "echo", "hello" } })
    assert.equal(200, status)
    assert.equal("success", body.status)
    assert.equal("hello\n", body.output)
    assert.equal(require("enclave.json").null, body.error)
    assert.equal("shell_executor", body.tool_name)
    assert.is_number(body.execution_time)
    assert.matches("^%d+%-%d+%-%d+T", body.timestamp)
  end)

  it("makes, shows, uses and removes sandboxes", function()
    local status, body = server:post("/sandbox/create?sandbox_type=fake", { timeout = 30,
      working_dir = "/sandbox", env_vars = {}, volumes = {}, ports = {}, network = "bridge",
      memory_limit = "4g", cpu_limit = 2.0, privileged = false, pull_progress = true })
    assert.equal(200, status, body.detail)
    local id = body.sandbox_id
    status, body = server:curl("/sandbox/" .. id)
    assert.equal(200, status)
    assert.equal(id, body.id)
    assert.equal("fake", body.type)
    assert.is_table(body.available_tools.shell_executor)
    assert.is_true(tonumber(body.config.memory_limit) == nil
      or body.config.memory_limit <= 1 << 30)
    status, body = server:curl("/sandbox/" .. id .. "/tools")
    assert.equal(200, status)
    assert.equal("function", body.shell_executor.type)
    status, body = server:post("/sandbox/tool/execute", { sandbox_id = id,
      tool_name = "shell_executor", parameters = { command = { "echo", "x" } }, timeout = 5 })
    assert.equal(200, status, body.detail)
    assert.equal("x\n", body.output)
    assert.equal(404, (server:post("/sandbox/tool/execute", { sandbox_id = id,
      tool_name = "nope" })))
    assert.equal(404, (server:post("/sandbox/tool/execute", { sandbox_id = "nope",
      tool_name = "shell_executor" })))
    assert.equal(400, (server:post("/sandbox/tool/execute", { sandbox_id = id })))
    assert.equal(200, (server:curl("/sandbox/" .. id .. "/files?path=a%20b",
      "-X PUT --data-binary 'bytes'")))
    status, body = server:curl("/sandbox/" .. id .. "/files?path=a+b")
    assert.same({ 200, "bytes" }, { status, body })
    assert.equal(404, (server:curl("/sandbox/" .. id .. "/files?path=none")))
    assert.equal(400, (server:curl("/sandbox/" .. id .. "/files")))
    assert.equal(400, (server:curl("/sandbox/" .. id .. "/archive", "-X POST")))
    assert.equal(404, (server:curl("/sandbox/nope/archive", "-X POST")))
    assert.equal(200, (server:curl("/sandbox/" .. id .. "/stop", "-X POST")))
    status, body = server:curl("/sandboxes?status=stopped")
    assert.equal(200, status)
    assert.equal(id, body[1].id)
    assert.equal(200, (server:curl("/sandbox/" .. id, "-X DELETE")))
    for _, method in ipairs({ "GET", "DELETE" }) do
      assert.equal(404, (server:curl("/sandbox/" .. id, "-X " .. method)))
    end
    assert.equal(400, (server:curl("/sandboxes?status=odd")))
  end)

  it("closes a pool, with what waits in it", function()
    assert.equal(200, (server:post("/pool/initialize?pool=short&pool_size=1&sandbox_type=fake",
      {})))
    local manager <close> = assert(enclave.manager{ base_url = server.url })
    local function call()
      return manager:execute_tool_in_pool("shell_executor", { command = { "sleep", "20" } },
        { pool = "short" })
    end
    local calls = enclave.spawn(enclave.gather, { call, call })
    support.eventually(function()
      local stats = assert(manager:get_stats()).pools.short
      return stats.busy == 1 and stats.waiting == 1
    end, "one runs and one waits")
    assert.is_true(manager:close_pool("short"))
    local _, results = calls:join()
    for _, entry in ipairs(results) do
      assert.is_false(entry.ok and entry.value.status == "success")
    end
    local none, err = manager:close_pool("short")
    assert.is_nil(none)
    assert.equal("not_found", err.code)
  end)

  it("keeps to what the operator allows", function()
    for _, wish in ipairs({ { privileged = true }, { volumes = { ["/"] = { bind = "/x" } } },
      { network = "host" }, { cap_add = { "SYS_ADMIN" } }, { ports = { ["80/tcp"] = 80 } },
      { security_opt = { "seccomp=unconfined" } }, { unheard_of = 1 } }) do
      local status, body = server:post("/sandbox/create?sandbox_type=fake", wish)
      assert.equal(400, status)
      assert.is_string(body.detail)
    end
    assert.equal(400, (server:post("/sandbox/create?sandbox_type=other", {})))
    assert.equal(400, (server:post("/pool/initialize?pool=b&pool_size=9&sandbox_type=fake", {})))
  end)

  it("refuses what is not right, and goes on", function()
    local call = "/pool/execute?tool_name=shell_executor"
    local cases = {
      { 400, call, "{" }, { 400, call, "[]" }, { 400, call, ("["):rep(5000) },
      { 400, call, '{"a":' .. ("["):rep(500) .. ("]"):rep(500) .. "}" },
      { 400, call, '{"command":1}' }, { 400, call, '{"nope":1}' }, { 400, call, '"\255"' },
      { 400, "/pool/execute", "{}" }, { 400, call .. "&timeout=x", "{}" },
      { 400, call .. "&timeout=-1", "{}" }, { 400, call .. "&timeout=nan", "{}" },
      { 404, call .. "&pool=other", '{"command":"true"}' },
      { 404, "/pool/execute?tool_name=nope", "{}" }, { 400, call .. "&a=%zz", "{}" },
      { 400, call .. "&a=1&a=2", "{}" }, { 400, call .. "&a=%ff", "{}" },
      { 404, "/nope", "{}" }, { 405, "/health", "{}" },
    }
    for _, case in ipairs(cases) do
      local status, body = server:post(case[2], case[3])
      assert.equal(case[1], status, case[2] .. " " .. case[3]:sub(1, 40))
      assert.is_string(body.detail)
    end
    assert.equal(400, (server:curl("/sandbox/%00")))
    assert.equal(400, (server:curl("/sandbox/%")))
    assert.equal(415, (server:curl(call, "-d command=true")))
    assert.equal(403, (server:post(call, {}, "-H 'Origin: http://evil.example'")))
    local _, _, head = server:curl("/pool/execute")
    assert.matches("Allow: POST", head, 1, true)
    assert.equal(200, (server:curl("/health")))
  end)

  it("bounds bodies and headers", function()
    local big = server.folder:write("big", ("x"):rep(300000))
    local call = "/pool/execute?tool_name=shell_executor"
    local status, body = server:curl(call, "-T " .. big .. " -X POST")
    assert.equal(413, status)
    assert.is_string(body.detail)
    assert.equal(413, (server:curl(call, "-H 'Transfer-Encoding: chunked' -X POST -T " .. big)))
    big = server.folder:write("json", ('{"command":"%s"}'):format(("x"):rep(60000)))
    status, body = server:curl(call, "-H 'Content-Type: application/json' -d @" .. big)
    assert.equal(413, status)
    assert.matches("50000", body.detail, 1, true)
    assert.equal(431, (server:curl("/health", "-H X:$(head -c 60000 " .. big .. ")")))
    status, body = server:post(call, { command = { "echo", "1" } },
      "-H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue'")
    assert.equal(200, status)
    assert.equal("1\n", body.output)
  end)

  it("reads pipelines, slow clients, and bodies that are cut short", function()
    local get = "GET /health HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    local replies = server:raw(get:format(""):rep(2) .. get:format("Connection: close\r\n"))
    assert.equal(3, select(2, replies:gsub("HTTP/1.1 200", "")))
    local port = server.url:match(":(%d+)$")
    local pipe = io.popen(([[timeout 60 bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s;
      for part in "GET /hea" "lth HT" "TP/1.1\r\n" "Host: local" "host\r\n" "Connection: " \
        "close\r\n\r\n"; do printf "$part" >&3; sleep 0.3; done; cat <&3']]):format(port))
    assert.equal(200, (server:curl("/health"))) -- meanwhile
    assert.matches("HTTP/1.1 200", pipe:read("a"))
    pipe:close()
    os.execute(([[bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s;
      printf "POST /pool/execute HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50\r\n\r\n{" >&3']])
      :format(port))
    assert.is_nil(server:raw("nonsense\r\n\r\n"):find("200", 1, true))
    assert.matches("HTTP/1.1 200", server:raw("GET http://localhost/health HTTP/1.1\r\nHost:"
      .. " localhost\r\nConnection: close\r\n\r\n")) -- as a proxy is asked
    assert.equal(200, (server:curl("/health")))
  end)

  it("cancels the run of a client that has gone", function()
    for _ = 1, 4 do
      local status, code = server:post("/pool/execute?tool_name=shell_executor",
        { command = { "sleep", "1000" }, timeout = 250 }, "--max-time 0.3")
      assert.is_nil(status)
      assert.equal(28, code)
    end
    support.eventually(function()
      local _, body = server:curl("/stats")
      return body.busy == 0 and body.idle == 4
    end, "the sandboxes are free")
  end)

  it("answers a wait that is over with 408", function()
    local tasks, manager = {}, assert(enclave.manager{ base_url = server.url })
    for i = 1, 4 do
      tasks[i] = enclave.spawn(manager.execute_tool_in_pool, manager, "shell_executor",
        { command = { "sleep", "3" } })
    end
    enclave.sleep(0.5)
    local none, err = manager:execute_tool_in_pool("shell_executor", { command = "true" }, 0.1)
    assert.is_nil(none)
    assert.equal("timeout", err.code)
    assert.matches("HTTP 408", err.message)
    for _, task in ipairs(tasks) do
      assert.equal("success", select(2, assert(task:join())).status)
    end
  end)

  it("serves the Lua client, many calls at once", function()
    local manager, tasks = assert(enclave.manager{ base_url = server.url }), {}
    for i = 1, 100 do
      tasks[i] = enclave.spawn(manager.execute_tool_in_pool, manager, "shell_executor",
        { command = { "echo", tostring(i) } })
    end
    for i, task in ipairs(tasks) do
      local fine, result, err = task:join()
      assert.is_true(fine)
      assert.equal(i .. "\n", assert(result, err).output)
    end
  end)
end)

describe("a guarded HTTP server", function()
  it("wants its key, and one on other addresses", function()
    local server = server_process.start("--api-key secret")
    finally(function()
      server:stop()
    end)
    for _, given in ipairs({ "", "-H 'X-API-Key: secre'", "-H 'X-API-Key: secretsecret'",
      "-H 'X-API-Key;'", "-H 'Authorization: Basic secret'" }) do
      local status, body = server:curl("/health", given)
      assert.equal(401, status, given)
      assert.is_string(body.detail)
    end
    assert.equal(200, (server:curl("/health", "-H 'X-API-Key: secret'")))
    assert.equal(200, (server:curl("/health", "-H 'Authorization: Bearer secret'")))
    local manager = assert(enclave.manager{ base_url = server.url, api_key = "secret" })
    assert.is_true(assert(manager:health()).healthy)
    local open = require "enclave.server"
    local none, err = open.new(assert(enclave.manager()), { host = "0.0.0.0", port = 0 })
    assert.is_nil(none)
    assert.matches("API key", err.message)
  end)

  it("speaks TLS", function()
    local folder = support.folder()
    local cert, key = folder.path .. "/cert.pem", folder.path .. "/key.pem"
    assert(os.execute(("openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
      .. " -keyout %s -out %s 2>/dev/null"):format(key, cert)))
    local server = server_process.start(("--tls-cert %s --tls-key %s"):format(cert, key))
    finally(function()
      server:stop()
      folder:remove()
    end)
    assert.matches("^https://", server.url)
    assert.equal(200, (server:curl("/health")))
    assert.equal(404, (server:post("/nope", {})))
    local open = require "enclave.server"
    local none, err = open.new(assert(enclave.manager()), { port = 0, tls_cert = key,
      tls_key = cert })
    assert.is_nil(none)
    assert.matches("certificate", err.message)
  end)

  it("runs on real Docker, and finishes what runs when it is told to end", function()
    local server = server_process.start("")
    local stopped
    finally(function()
      if not stopped then
        server:stop()
      end
    end)
    local manager = assert(enclave.manager{ base_url = server.url })
    assert(manager:initialize_pool{ pool_size = 1, config = { image = support.image } })
    local result = assert(manager:execute_tool_in_pool("python_executor",
      { code = "print(6 * 7)" }))
    assert.equal("42\n", result.output)
    local id = assert(manager:create_sandbox("docker", { image = support.image }))
    assert(manager:put_file(id, "a.txt", "alpha"))
    assert.equal("alpha", manager:get_file(id, "a.txt"))
    local made = server.folder.path .. "/made"
    os.execute(("mkdir '%s' && cd '%s' && echo 'echo ran' >run && chmod 755 run && ln -s run link")
      :format(made, made))
    assert(manager:put_dir(id, made, "copied"))
    assert.equal("ran\n", assert(manager:execute_tool(id, "shell_executor",
      { command = "test -L copied/link && copied/link" })).output)
    local large = server.folder.path .. "/large"
    os.execute("head -c 100000000 /dev/urandom >" .. large)
    local files = ("%s/sandbox/%s/files?path=large"):format(server.url, id)
    assert.is_true(os.execute(("curl -sf -T %s '%s' >/dev/null && curl -sf '%s' | cmp - %s")
      :format(large, files, files, large)))
    local fine, err = manager:put_archive(id, "no tar at all")
    assert.is_nil(fine)
    assert.matches("HTTP 400", err.message)
    local last = enclave.spawn(manager.execute_tool_in_pool, manager, "shell_executor",
      { command = "sleep 2; echo done" })
    enclave.sleep(0.5)
    os.execute("kill -TERM " .. server.pid)
    assert.equal("done\n", assert(select(2, assert(last:join()))).output)
    local _, ended = server:stop()
    stopped = true
    assert.is_true(ended)
  end)
end)
