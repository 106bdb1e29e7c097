-- What the HTTP server refuses, and how it ends.
local core = require "enclave.core"
local enclave = require "enclave"
local policy = require "enclave.http.policy"
local server_module = require "enclave.server"
local server_process = require "spec.server_process"
local support = require "spec.support"

local config = [[return { manager = { driver_options = { create_ms = 1 } },
  policy = { sandbox_types = { "docker", "fake" } } }]]

-- Addresses and ports that listen, as the kernel tells them: "0100007F:1F40".
local function listens(port)
  local found = {}
  for _, name in ipairs({ "tcp", "tcp6" }) do
    local file <close> = io.open("/proc/net/" .. name)
    for line in file and file:lines() or function() end do
      local address, at = line:match("^%s*%d+: (%x+):(%x+) %x+:%x+ 0A")
      if address and tonumber(at, 16) == port then
        found[#found + 1] = address
      end
    end
  end
  return found
end

describe("the address of the HTTP server", function()
  local manager
  setup(function()
    manager = assert(enclave.manager())
  end)
  teardown(function()
    manager:close()
  end)

  it("is this machine's own unless told, and another one wants a key", function()
    local http <close> = assert(server_module.new(manager, { port = 0 }))
    assert.same({ "0100007F" }, listens(http.http:port()))
    for _, host in ipairs({ "0.0.0.0", "::", "10.1.2.3" }) do
      local none, err = server_module.new(manager, { host = host, port = 0 })
      assert.is_nil(none)
      assert.equal("invalid", err.code)
      assert.matches("API key", err.message)
    end
    for _, options in ipairs({ { insecure = true }, { api_key = "k" } }) do
      options.host, options.port = "0.0.0.0", 0
      local open <close> = assert(server_module.new(manager, options))
      assert.same({ "00000000" }, listens(open.http:port()))
    end
  end)

  it("and all that it is told is checked", function()
    for _, options in ipairs({ { api_key = "" }, { host = "nowhere.example" }, { port = 70000 },
      { max_header = 10 }, { max_connections = 0 }, { tls_cert = "/nowhere" } }) do
      options.port = options.port or 0
      local none, err = server_module.new(manager, options)
      assert.is_nil(none)
      assert.equal("invalid", err.code)
    end
    assert.is_false((pcall(server_module.new, manager, { prot = 1 })))
    assert.is_false((pcall(server_module.new, manager, { policy = { max_memroy = 1 } })))
  end)
end)

describe("a key", function()
  it("comes from a file or the environment, and holds for every path and the metrics", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    local file = folder:write("key", "s3cret\nmore\n")
    for _, arguments in ipairs({ "--api-key-file " .. file, "--api-key s3cret" }) do
      local server = server_process.start(arguments .. " --cors-origin https://app.example", config)
      for _, path in ipairs({ "/health", "/metrics", "/openapi.json", "/nope", "/sandboxes" }) do
        local status, body, head = server:curl(path)
        assert.equal(401, status, path)
        assert.is_string(body.detail)
        assert.matches("WWW-Authenticate: Bearer", head, 1, true)
      end
      assert.equal(401, (server:post("/pool/initialize", {})))
      for _, header in ipairs({ "X-API-Key: s3cret", "Authorization: Bearer s3cret",
        "authorization: bearer s3cret" }) do
        assert.equal(200, (server:curl("/metrics", ("-H '%s'"):format(header))))
      end
      for _, header in ipairs({ "X-API-Key: s3cre", "X-API-Key: s3crett", "X-API-Key: S3CRET",
        "Authorization: Basic s3cret", "Authorization: Bearer", "X-API-Key: s3crets3cret" }) do
        assert.equal(401, (server:curl("/health", ("-H '%s'"):format(header))), header)
      end
      -- A browser asks without a key before it calls with one.
      assert.equal(204, (server:curl("/pool/execute", "-X OPTIONS -H 'Origin: https://app.example'"
        .. " -H 'Access-Control-Request-Method: POST'")))
      local _, document = server:curl("/openapi.json", "-H 'X-API-Key: s3cret'")
      assert.is_table(document.components.securitySchemes.key)
      assert.is_nil(server:stop():find("s3cret", 1, true))
    end
  end)
end)

describe("a server without a key on this machine's own address", function()
  it("is not called by a name that someone made to lead here", function()
    local server = server_process.start("--allow-host Sandbox.internal", config)
    finally(function()
      server:stop()
    end)
    local port = server.url:match(":(%d+)$")
    for _, host in ipairs({ "127.0.0.1:" .. port, "localhost:" .. port, "LOCALHOST", "localhost.",
      "[::1]:" .. port, "10.1.2.3", "sandbox.internal:1" }) do
      assert.equal(200, (server:curl("/health", ("-H 'Host: %s'"):format(host))), host)
    end
    for _, host in ipairs({ "evil.example:" .. port, "127.0.0.1.evil.example", "localhost.evil",
      "[::1].evil.example", "notlocalhost", "evil.example:80:127.0.0.1", "1.2.3.4.5" }) do
      local status, body = server:curl("/sandboxes", ("-H 'Host: %s'"):format(host))
      assert.equal(403, status, host)
      assert.matches("--allow-host", body.detail, 1, true)
    end
    local guarded = server_process.start("--api-key k", config)
    assert.equal(200, (guarded:curl("/health", "-H 'Host: my.example' -H 'X-API-Key: k'")))
    guarded:stop()
  end)
end)

describe("what clients may ask for", function()
  local function ask(rules, config_given)
    return policy.config(rules, config_given)
  end

  it("is bounded by what the operator allows", function()
    local rules = { allowed_images = { "python:3.11-slim", "mine:*" }, max_memory = "1g",
      max_cpu = 2, max_timeout = 60 }
    for _, image in ipairs({ "python:3.11-slim", "mine:1", "mine" }) do
      assert.is_table(ask(rules, { image = image }))
    end
    for _, image in ipairs({ "python:latest", "mineother:1", "evil/mine:1", "" }) do
      local none, err = ask(rules, { image = image })
      assert.is_nil(none)
      assert.matches("^image: ", err.message)
    end
    for _, wish in ipairs({ { privileged = true }, { cap_add = { "SYS_ADMIN" } },
      { security_opt = { "seccomp=unconfined" } }, { runtime = "odd" }, { network = "host" },
      { network = "container:x" }, { network = "databases" },
      { volumes = { ["/"] = { bind = "/x" } } }, { ports = { ["80/tcp"] = 80 } } }) do
      assert.is_nil((ask({}, wish)))
      assert.is_table(ask({ allow_privileged = true, allow_volumes = true, allow_ports = true },
        wish))
    end
    local given = ask(rules, { image = "mine", memory_limit = "4g", cpu_limit = 64, timeout = 600,
      max_timeout = 900 })
    assert.same({ "1g", 2, 60, 60 }, { given.memory_limit, given.cpu_limit, given.timeout,
      given.max_timeout })
    given = ask({ max_memory = "64m", max_cpu = 0.5, max_timeout = 5 }, {})
    assert.same({ "64m", 0.5, 5, 5 }, { given.memory_limit, given.cpu_limit, given.timeout,
      given.max_timeout })
    given = ask(rules, { image = "mine", memory_limit = "100m", cpu_limit = "0.5" })
    assert.same({ "100m", 0.5 }, { given.memory_limit, given.cpu_limit })
    assert.equal(60, policy.parameters(rules, { timeout = 1000 }).timeout)
    assert.is_nil(policy.parameters(rules, {}).timeout)
    given = ask(rules, { image = "mine", tools_config = { shell_executor = { timeout = 600 },
      python_executor = { timeout = 6 }, file_operation = {} } })
    assert.same({ shell_executor = { timeout = 60 }, python_executor = { timeout = 6 },
      file_operation = {} }, given.tools_config)
  end)

  it("does not end a notebook after the time of one run", function()
    local given = policy.config({ max_timeout = 10 }, {}, "docker_notebook")
    assert.is_nil(given.max_timeout)
    assert.equal(10, given.timeout)
  end)

  it("is bounded in every unit that a size may have", function()
    for _, size in ipairs({ "1p", "2PiB", "9999t", "1.5 g", "1025 MiB", "1073741825b", 1 << 40,
      "8192p", "16384p" }) do
      assert.equal("1g", ask({ max_memory = "1g" }, { memory_limit = size }).memory_limit, size)
    end
  end)

  it("is a tag where every tag is allowed, and no other registry", function()
    local rules = { allowed_images = { "node:*" } }
    assert.is_table(ask(rules, { image = "node:22-slim" }))
    assert.is_nil((ask(rules, { image = "node:5000/someone/else:1" })))
  end)

  it("leaves the server's memory and the host's disk alone", function()
    assert.equal("16m", ask({}, { max_output_size = "100g" }).max_output_size)
    assert.equal("2m", ask({}, { max_output_size = "2m" }).max_output_size)
    assert.equal("64k", ask({ max_output = "64k" }, {}).max_output_size)
    assert.equal(16 << 20, policy.parameters({}, { output_limit = 1 << 40 }).output_limit)
    assert.equal(7, policy.parameters({}, { output_limit = 7 }).output_limit)
    assert.same({ { max_output_size = 1024 }, { max_output_size = 5 } }, ask({ max_output = "1k" },
      { tools_config = { { max_output_size = 1 << 40 }, { max_output_size = 5 } } }).tools_config)
    assert.same({ { max_output_size = 16 << 20 }, { max_output_size = "1m" } },
      ask({}, { tools_config = { { max_output_size = "1t" }, { max_output_size = "1m" } } })
      .tools_config)
    assert.is_nil(ask({}, { remove_on_exit = false }).remove_on_exit)
  end)

  it("counts a pool that begins with none for the one that it grows to", function()
    local empty = { options = { pool_size = 0 } }
    local server = { policy = { max_sandboxes = 2 }, creating = 0, manager = { sandboxes = {},
      pools = { a = empty } } }
    assert.is_true(policy.room(server, policy.most_of(empty.options)))
    server.manager.pools.b = empty
    assert.is_nil((policy.room(server, policy.most_of(empty.options))))
  end)

  it("takes what clients of other systems send, and no other unknown field", function()
    local given = ask({}, { pull_progress = true, docker_executor_workers = 4, token = "t",
      host = "x", port = 1, tools_config = {}, timeout = "20" })
    assert.same({ timeout = 20 }, given)
    assert.equal(1, ask({}, { unheard_of = 1 }).unheard_of) -- the driver's reader refuses it
  end)
end)

describe("TLS", function()
  it("is spoken with certificates that clients check; plain words are refused", function()
    local folder = support.folder()
    local cert, key = folder.path .. "/cert.pem", folder.path .. "/key.pem"
    assert(os.execute(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
      .. " -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout %s -out %s"
      .. " 2>/dev/null"):format(key, cert)))
    local server = server_process.start(("--tls-cert %s --tls-key %s"):format(cert, key), config)
    finally(function()
      server:stop()
      folder:remove()
    end)
    assert.equal(200, (server:post("/pool/initialize?pool_size=2&sandbox_type=fake", {})))
    local pipe = io.popen(("curl -sS --cacert %s -H 'Content-Type: application/json' -d '%s' '%s'")
      :format(cert, '{"command":["echo","over TLS"]}',
      server.url .. "/pool/execute?tool_name=shell_executor&stream=1"))
    assert.matches('event: stdout\ndata: {"text":"over TLS\\n"}', pipe:read("a"), 1, true)
    pipe:close()
    local plain = server:raw("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert.is_nil(plain:find("200 OK", 1, true))
    for _ = 1, 5 do -- a client that goes ends its run here too
      assert.is_nil((server:post("/pool/execute?tool_name=shell_executor",
        { command = { "sleep", "1000" } }, "--max-time 0.2")))
    end
    support.eventually(function()
      local _, stats = server:curl("/stats")
      return stats.busy == 0 and stats.idle == 2
    end, "the sandboxes are free")
  end)
end)

describe("SIGTERM", function()
  it("lets end what runs, up to a deadline, and takes nothing new", function()
    local server = server_process.start("--drain 4", config)
    assert.equal(200, (server:post("/pool/initialize?pool_size=2&sandbox_type=fake", {})))
    local manager = assert(enclave.manager{ base_url = server.url })
    local function sleeper(seconds)
      return enclave.spawn(manager.execute_tool_in_pool, manager, "shell_executor",
        { command = { "sleep", seconds } })
    end
    local short, long = sleeper("1"), sleeper("1000")
    support.eventually(function()
      local _, stats = server:curl("/stats")
      return stats.busy == 2
    end, "both run")
    local began = core.now()
    os.execute("kill -TERM " .. server.pid)
    support.eventually(function()
      local status, code = server:curl("/health")
      return status == nil and code == 7
    end, "nobody can connect")
    assert.equal("running", long:status())
    local _, result = assert(short:join())
    assert.equal("success", result.status)
    local fine, none, err = long:join()
    assert.is_true(fine)
    assert.is_nil(none)
    assert.is_string(err.code)
    local _, ended = server:stop()
    assert.is_true(ended)
    local took = core.now() - began
    assert.is_true(took >= 3.9 and took < 25, tostring(took))
  end)
end)
