-- core.httpd by itself: what handlers may return, answers in pieces, and ends at any moment. The
-- client is core.http in the same process.
local core = require "enclave.core"
local support = require "spec.support"

local function serve(handler, options)
  local settings = { port = 0, handler = handler }
  for name, value in pairs(options or {}) do
    settings[name] = value
  end
  local http = assert(core.httpd(settings))
  return http, ("http://127.0.0.1:%d/"):format(http:port())
end

local function get(url, more)
  local request = { url = url }
  for name, value in pairs(more or {}) do
    request[name] = value
  end
  return core.http(request)
end

describe("core.httpd", function()
  setup(function()
    core.configure({ log_level = "off" }) -- handlers throw on purpose
  end)
  teardown(function()
    core.configure({ log_level = "warn" })
  end)

  it("gives the handler the request, and its three values to the client", function()
    local seen
    local http <close>, url = serve(function(request)
      seen = request
      return 418, "body\0of bytes\255", { ["X-One"] = "1", ["Content-Type"] = "text/x" }
    end)
    local reply = assert(get(url .. "a%20b?x=%41", { method = "POST", body = "given",
      headers = { ["X-Two"] = "2" } }))
    assert.same({ 418, "body\0of bytes\255", "text/x" }, { reply.status, reply.body,
      reply.content_type })
    assert.same({ "POST", "/a%20b?x=%41", "given", "2" }, { seen.method, seen.uri, seen.body,
      seen.headers["x-two"] })
    support.eventually(function()
      return http:busy() == 0
    end, "no request is left")
  end)

  it("answers 500 for a handler that throws or returns something else", function()
    local results = { function() error("on purpose") end, function() end,
      function() return "200", "x" end, function() return 200 end, function() return 99, "x" end,
      function() return 200, {} end, function() return 200, "x", { a = 1 } end,
      function() return 200, "x", "headers" end, function()
        local headers = {}
        for i = 1, 30 do
          headers["X-" .. i] = "x"
        end
        return 200, "x", headers
      end }
    local http <close>, url = serve(function(request) -- luacheck: ignore http
      return results[tonumber(request.uri:match("%d+"))]()
    end)
    for i in ipairs(results) do
      local reply = assert(get(url .. i))
      assert.equal(500, reply.status, tostring(i))
      assert.is_nil(reply.body:find("on purpose", 1, true))
    end
  end)

  it("answers in pieces, and waits while the client is behind", function()
    local piece, problems = ("x"):rep(100000), {}
    local http <close>, url = serve(function(_, reply) -- luacheck: ignore http
      problems[1] = select(2, pcall(reply.write, reply, "before"))
      assert(reply:begin(200, { ["Content-Type"] = "text/plain" }))
      problems[2] = select(2, pcall(reply.begin, reply, 200))
      for _ = 1, 30 do
        assert(reply:write(piece))
      end
      local other = core.spawn(function()
        return reply:write("from another task")
      end)
      assert(select(2, other:join()))
      return 404, "not looked at"
    end)
    local reply = assert(get(url))
    assert.equal(200, reply.status)
    assert.equal(3000000 + #"from another task", #reply.body)
    for i = 1, 2 do
      assert.equal("invalid", problems[i].code)
    end
  end)

  it("cuts an answer in pieces whose handler fails", function()
    local http <close>, url = serve(function(_, reply) -- luacheck: ignore http
      assert(reply:begin(200))
      assert(reply:write("part"))
      error("on purpose")
    end)
    local none, err = get(url)
    assert.is_nil(none)
    assert.is_string(err.code)
  end)

  it("cancels the task of a client that goes, wherever that waits", function()
    local ends, kept = {}, nil
    local http <close>, url = serve(function(request, reply)
      local name = request.uri:sub(2)
      local _ <close> = setmetatable({}, { __close = function()
        ends[name] = true
      end })
      if name == "sleep" then
        return core.sleep(1000)
      end
      kept = reply
      assert(reply:begin(200))
      while true do -- not read by the client, which waits for the end
        local fine, err = reply:write(("x"):rep(1000))
        if not fine then
          ends[name .. " error"] = err.code
          return nil, err
        end
        core.sleep(0.001)
      end
    end)
    for _, name in ipairs({ "sleep", "write" }) do
      assert.is_nil((get(url .. name, { timeout = 0.3 })))
      support.eventually(function()
        return ends[name]
      end, "the task of " .. name .. " ends")
    end
    support.eventually(function()
      return http:busy() == 0
    end, "no request is left")
    assert.is_true(ends["write error"] == nil or ends["write error"] == "cancelled")
    local none, err = kept:write("late")
    assert.is_nil(none)
    assert.equal("closed", err.code)
  end)

  it("closes under requests in every state", function()
    for _, how in ipairs({ "waits", "begun", "full" }) do
      local started, stopped
      local http, url = serve(function(_, reply)
        local _ <close> = setmetatable({}, { __close = function()
          stopped = true
        end })
        started = how ~= "full" or started
        if how ~= "waits" then
          assert(reply:begin(200))
        end
        while how == "full" do
          started = true
          local fine, err = reply:write(("x"):rep(100000))
          if not fine then
            return nil, err
          end
        end
        core.sleep(1000)
      end)
      local client = core.spawn(get, url, { max_reply = 1000 })
      support.eventually(function()
        return started
      end, "the handler runs")
      http:close()
      http:close()
      assert.is_nil(http:port())
      assert.is_true(client:join())
      support.eventually(function()
        return stopped
      end, "the task ends: " .. how)
    end
  end)

  it("drains", function()
    local http, url = serve(function()
      core.sleep(0.3)
      return 200, "done"
    end)
    local client = core.spawn(get, url)
    core.sleep(0.1)
    local none, err = http:drain(0)
    assert.is_nil(none)
    assert.equal("timeout", err.code)
    assert.is_true(http:drain(20))
    assert.equal("done", select(2, assert(client:join())).body)
    assert.is_nil((get(url, { timeout = 2 })))
    http:close()
    assert.is_true(http:drain(0))
  end)

  it("is ended with what is left of it by the collector", function()
    local url
    do
      local _
      _, url = serve(function() return 200, "x" end)
    end
    collectgarbage()
    collectgarbage()
    support.eventually(function()
      collectgarbage()
      return get(url, { timeout = 1 }) == nil
    end, "nobody listens")
  end)
end)
