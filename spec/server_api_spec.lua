-- What the server offers besides the wire format: its description, metrics, pages of other
-- sites, routes of the user.
local core = require "enclave.core"
local server_process = require "spec.server_process"
local support = require "spec.support"

local config = [[return { cors_origins = { "https://app.example" },
  manager = { driver_options = { create_ms = 1 } },
  policy = { sandbox_types = { "docker", "fake" }, max_sandboxes = 8 } }]]

local greeting = [[return { name = "mine", api = 1, routes = {
  { "GET", "/hello/{name}", function(request)
    return { greeting = "%s " .. request.name, loud = request.query.loud }
  end, { summary = "Greets", query = { loud = { type = "boolean" } } } },
  { "POST", "/run", function(request, server)
    local given, err = request:json_object()
    if not given then return nil, err end
    return server.manager:execute_tool_in_pool("shell_executor", given)
  end },
  { "GET", "/odd", function() return "text", nil, { raw = true, status = 201,
    headers = { ["Content-Type"] = "text/x-odd" } } end },
  { "GET", "/throws", function() error("on purpose") end },
  { "GET", "/nothing", function() end },
  { "GET", "/words", function() return nil, "in words" end },
  { "GET", "/unwritable", function() return { print } end },
  { "GET", "/loops", function() while true do end end },
} }]]
local unwritable = [[return { name = "unwritable", api = 1, execute = function()
  return { output = "x", metadata = { f = print } }
end }]]

describe("the HTTP server's own interface", function()
  local server, folder
  setup(function()
    folder = support.folder()
    folder:write("mine.lua", greeting:format("hello"))
    os.execute(("mkdir '%s/tools'"):format(folder.path))
    folder:write("tools/unwritable.lua", unwritable)
    server = server_process.start(("--routes %s --tools %s/tools"):format(folder.path,
      folder.path), config)
    assert.equal(200, (server:post("/pool/initialize?pool_size=4&sandbox_type=fake", {})))
  end)
  teardown(function()
    server:stop(true)
    folder:remove()
  end)

  it("is described by a document that holds to OpenAPI", function()
    assert.equal("fine\n", server:python("openapi"))
    local _, document = server:curl("/openapi.json")
    assert.equal("Greets", document.paths["/hello/{name}"].get.summary)
    assert.is_nil(document.security)
  end)

  it("has metrics that Prometheus reads", function()
    local function runs(text, le)
      local of = 'enclave_pool_run_seconds_bucket{pool="default",le="' .. le .. '"} '
      local _, at = text:find(of, 1, true)
      return tonumber(text:match("^%d+", at + 1))
    end
    local _, before = server:curl("/metrics")
    for _ = 1, 3 do
      assert.equal(200, (server:post("/pool/execute?tool_name=shell_executor",
        { command = { "sleep", "0.02" } })))
    end
    local status, text, head = server:curl("/metrics")
    assert.equal(200, status)
    assert.matches("text/plain; version=0.0.4", head, 1, true)
    local types, last = {}, {}
    for line in text:gmatch("[^\n]+") do
      local name, kind = line:match("^# TYPE (%S+) (%S+)$")
      if name then
        assert.is_nil(types[name], name)
        types[name] = kind
      elseif line:sub(1, 1) ~= "#" then
        local metric, labels, value = line:match("^([%a_]+)(%b{}) (%S+)$")
        if not metric then
          metric, value = line:match("^([%a_]+) (%S+)$")
        end
        assert.is_number(tonumber(value), line)
        local base = metric:gsub("_bucket$", ""):gsub("_sum$", ""):gsub("_count$", "")
        assert.is_truthy(types[metric] or types[base] == "histogram", line)
        if metric:find("_bucket$") then -- they add up
          local of = metric .. labels:gsub(",le=.*", "")
          assert.is_true(tonumber(value) >= (last[of] or 0), line)
          last[of] = tonumber(value)
        end
      end
    end
    for _, name in ipairs({ "wait", "run", "reset", "create" }) do
      assert.equal("histogram", types["enclave_pool_" .. name .. "_seconds"])
    end
    assert.equal(runs(before, "0.01"), runs(text, "0.01"))
    assert.equal(runs(before, "+Inf") + 3, runs(text, "+Inf"))
    assert.is_true(tonumber(text:match("process_resident_memory_bytes (%d+)")) > 1e6)
  end)

  it("lets only the named pages of other sites call", function()
    local call = "/pool/execute?tool_name=shell_executor"
    local preflight = "-X OPTIONS -H 'Access-Control-Request-Method: POST' -H 'Origin: %s'"
    local status, body, head = server:curl(call, preflight:format("https://app.example"))
    assert.equal(204, status)
    assert.equal("", body)
    assert.matches("Access-Control-Allow-Origin: https://app.example", head, 1, true)
    assert.matches("Access-Control-Allow-Methods: POST", head, 1, true)
    assert.matches("Access%-Control%-Allow%-Headers: .*X%-API%-Key", head)
    status, body, head = server:post(call, { command = { "echo", "x" } },
      "-H 'Origin: https://app.example'")
    assert.equal(200, status)
    assert.equal("x\n", body.output)
    assert.matches("Access-Control-Allow-Origin: https://app.example", head, 1, true)
    assert.matches("Vary: Origin", head, 1, true)
    for _, origin in ipairs({ "https://evil.example", "null", "http://app.example" }) do
      status, _, head = server:curl(call, preflight:format(origin))
      assert.equal(403, status)
      assert.is_nil(head:find("Access-Control-Allow", 1, true))
      assert.equal(403, (server:post(call, {}, ("-H 'Origin: %s'"):format(origin))))
    end
    for site, expected in pairs({ ["same-origin"] = 403, ["cross-site"] = 403, none = 200 }) do
      assert.equal(expected, (server:curl("/sandboxes", "-H 'Sec-Fetch-Site: " .. site .. "'")))
    end
    head = select(3, server:curl("/health"))
    assert.is_nil(head:find("Access-Control", 1, true))
    assert.equal(405, (server:curl("/health", "-X OPTIONS")))
  end)

  it("takes routes as scripts, and follows them", function()
    local status, body = server:curl("/hello/w%C3%B6rld?loud=1")
    assert.equal(200, status)
    assert.same({ greeting = "hello wörld", loud = "1" }, body)
    status, body = server:post("/run", { command = { "echo", "by a route" } })
    assert.same({ 200, "by a route\n" }, { status, body.output })
    assert.equal(400, (server:post("/run", { nope = 1 })))
    local head
    status, body, head = server:curl("/odd")
    assert.same({ 201, "text" }, { status, body })
    assert.matches("Content-Type: text/x-odd", head, 1, true)
    for _, path in ipairs({ "/throws", "/nothing" }) do
      status, body = server:curl(path)
      assert.equal(500, status)
      assert.is_nil(body.detail:find("on purpose", 1, true))
    end
    assert.equal("in words", select(2, server:curl("/words")).detail)
    assert.equal(500, (server:curl("/unwritable")))
    status, body = server:curl("/loops")
    assert.equal(500, status)
    assert.equal("internal", body.code)
    assert.equal(200, (server:curl("/health")))
    folder:write("mine.lua", greeting:format("good morning"))
    support.eventually(function()
      return select(2, server:curl("/hello/you")).greeting == "good morning you"
    end, "the changed route holds")
    folder:write("mine.lua", "return {")
    core.sleep(1.2)
    assert.equal("good morning you", select(2, server:curl("/hello/you")).greeting)
    folder:delete("mine.lua")
    support.eventually(function()
      return server:curl("/hello/you") == 404
    end, "the route is gone")
  end)

  it("says of a result that cannot be written that it cannot", function()
    local call = "/pool/execute?tool_name=unwritable"
    assert.equal(500, (server:post(call, {})))
    local status, body = server:post(call .. "&stream=1", {})
    assert.equal(200, status)
    assert.matches("event: error\ndata: .*a function cannot be written", body)
    assert.is_nil(body:find("traceback", 1, true))
  end)

  it("does not start with routes that are not right", function()
    local routes = require "enclave.http.routes"
    local bad = support.folder()
    finally(function()
      bad:remove()
    end)
    for text, problem in pairs({ ["return { name = 'x', api = 1 }"] = "routes: missing",
      ["return { name = 'x', api = 1, routes = { { 'get', '/x', print } } }"] = "routes[1]",
      ["return { name = 'x', api = 1, routes = { { 'GET', 'x', print } } }"] = "routes[1]",
      ["return 1"] = "expected the file to return a table" }) do
      local none, err = routes.load({ bad:write("bad.lua", text) })
      assert.is_nil(none)
      assert.equal("invalid", err.code)
      assert.matches("bad.lua", err.message, 1, true)
      assert.matches(problem, err.message, 1, true)
    end
    local none, err = routes.load({ "/nowhere" })
    assert.is_nil(none)
    assert.equal("invalid", err.code)
  end)
end)
