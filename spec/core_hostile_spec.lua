-- Scripts that misuse enclave.core, by mistake or on purpose: wrong values for everything, closing
-- from finalizers, tables that change under a call. Nothing may crash, and what fails says why.
local core = require "enclave.core"
local core_support = require "spec.core_support"

local warm_pool = core_support.warm_pool
local misuse = core_support.misuse

---Runs call so that the first thing that it allocates runs fn as a finalizer.
local function with_finalizer(fn, call)
  collectgarbage("generational")
  collectgarbage("stop")
  setmetatable({}, { __gc = fn })
  collectgarbage("restart")
  local results = table.pack(pcall(call))
  collectgarbage("incremental")
  return table.unpack(results, 1, results.n)
end

describe("a finalizer in the middle of a call", function()
  local calls = {
    put_file = function(sandbox) return sandbox:put_file("a", "b") end,
    put_files = function(sandbox) return sandbox:put_files { a = "b" } end,
    put_archive = function(sandbox) return sandbox:put_archive(("\0"):rep(1024)) end,
    put_dir = function(sandbox) return sandbox:put_dir("spec/leaks") end,
    get_file = function(sandbox) return sandbox:get_file("a") end,
    exec = function(sandbox) return sandbox:exec { argv = { "true" } } end,
    start = function(sandbox) return sandbox:start { argv = { "true" }, env = { A = "b" } } end,
    reset = function(sandbox) return sandbox:reset() end,
    close = function(sandbox) return sandbox:close() end,
  }
  for name, call in pairs(calls) do
    it("may close the sandbox of " .. name, function()
      local pool <close> = warm_pool(1)
      local sandbox = assert(pool:acquire())
      local fine, _, err = with_finalizer(function() sandbox:close() end, function()
        return call(sandbox)
      end)
      assert.is_true(fine)
      if name ~= "close" then
        assert.equal("closed", err and err.code)
      end
      assert.equal(1, pool:stats().total)
    end)
  end

  it("may close the pool that is acquired from, warmed or closed", function()
    for _, name in ipairs { "acquire", "warm", "close" } do
      local pool = core_support.new_pool({ size = 1 }, nil, { retiring = function() end })
      local fine, value, err = with_finalizer(function() pool:close() end, function()
        return pool[name](pool)
      end)
      assert.is_true(fine)
      assert.equal(name == "close" or nil, value)
      assert.equal(name ~= "close" and "closed" or nil, err and err.code)
    end
  end)

  it("may wait while something is waited for that ends then", function()
    local pool <close> = warm_pool(1)
    local sandbox <close> = assert(pool:acquire())
    local task = core.spawn(function() return "done" end)
    local run = assert(sandbox:start { argv = { "echo", "x" } })
    local function wait() core.sleep(0.01) end
    local function five() return 5 end
    local function join() return task:join(60) end
    local function read() return run:read() end
    assert.same({ true, true, "done" }, { with_finalizer(wait, join) })
    assert.same({ true, "stdout", "x\n" }, { with_finalizer(wait, read) })
    local fine, result = with_finalizer(wait, function() return run:wait() end)
    assert.same({ true, 0 }, { fine, result.exit_code })
    assert.same({ true, 5 }, { with_finalizer(wait, function() return core.run(five) end) })
  end)

  it("may change the table that is read", function()
    local pool <close> = warm_pool(1)
    local sandbox <close> = assert(pool:acquire())
    for _, more in ipairs { 1, 1000 } do
      local env, files = { A = "b" }, { a = "b" }
      local function grow()
        for i = 1, more do
          env["B" .. i], files["b" .. i] = "c", "c"
        end
      end
      local fine, value, err = with_finalizer(grow, function()
        return sandbox:exec { argv = { "true" }, env = env }
      end)
      assert.is_true(fine)
      assert(value or err.code == "invalid", err)
      fine, value = with_finalizer(grow, function() return sandbox:put_files(files) end)
      assert(fine or value.code == "invalid", value)
    end
  end)
end)

describe("a table that changes while its call waits", function()
  it("does not change the body of a request", function()
    local body, got = ("0123456789"):rep(20000) .. os.time(), nil
    local server <close> = assert(core.httpd { port = 0, handler = function(request)
      got = request.body
      return 200, "", {}
    end })
    core.run(function()
      local options = { url = ("http://127.0.0.1:%d/"):format(server:port()), method = "POST",
        body = body .. "." }
      local task <close> = core.spawn(function() return core.http(options) end)
      core.spawn(function() -- after the request has begun, before a byte of it is sent
        options.body = nil
        collectgarbage()
        for i = 1, 20 do
          options[i] = ("x"):rep(#body + 1) .. i
        end
      end)
      local _, reply = assert(task:join(60))
      assert.equal(200, reply.status)
    end)
    assert.is_true(got == body .. ".")
    core.drop_idle()
  end)
end)

describe("numbers at the edges", function()
  it("are taken or refused", function()
    local pool <close> = warm_pool(1)
    local sandbox <close> = assert(pool:acquire())
    assert.is_true(pool:ran(1e300))
    assert.is_true(pool:ran(-0.0))
    local task <close> = core.spawn(function() return core.sleep(1e300) end)
    core.sleep(0)
    assert.equal("timeout", select(2, task:join(0.01)).code)
    task:cancel()
    for _, seconds in ipairs { 0 / 0, 1 / 0, -1, -1e-300, math.mininteger } do
      assert.equal("invalid", select(2, pool:acquire(seconds)).code)
      assert.equal("invalid", select(2, core.sleep(seconds)).code)
      assert.equal("invalid", select(2, sandbox:exec { argv = { "true" }, timeout = seconds }).code)
    end
    misuse("timeout seconds", pool.acquire, pool, "1")
    local parts = { ("[%d] = 'x'"):format(math.maxinteger) } -- with holes, it is as long as can be
    for i = 0, 62 do
      parts[#parts + 1] = ("[%d] = 'x'"):format(1 << i)
    end
    local long = load("return {" .. table.concat(parts, ",") .. "}")()
    assert.equal(math.maxinteger, #long)
    assert.equal("invalid", select(2, sandbox:exec { argv = long }).code)
    for _, cpus in ipairs { 1e300, 0, -1 } do
      assert.equal("invalid", select(2, core.sandbox("fake", nil, { cpu_limit = cpus })).code)
    end
    local _, err = core.sandbox("fake", nil, { env_vars = { ["A\0B"] = "x" } })
    assert.equal("invalid", err.code)
    assert.matches("NUL", err.message)
  end)
end)

-- ---- everything with anything ------------------------------------------------------------------

-- These wait for the user or change the process.
local left_out = { read_input = true, wait_signal = true, drop_idle = true }

---Numbers that look random and are the same in each run.
local function generator(seed)
  return function(n)
    seed = (seed * 1103515245 + 12345) & 0x7fffffff
    return (seed >> 8) % n + 1
  end
end

local function values(handles)
  local erring = setmetatable({}, { __index = function() error("no index") end,
    __len = function() error("no length") end, __pairs = function() error("no pairs") end })
  local nested, holes = {}, { 1, nil, 3 }
  nested.nested = nested
  holes[2 ^ 40] = "x"
  local list = {
    true, false, 0, 1, -1, 2, 0.5, -0.0, 0 / 0, 1 / 0, -1 / 0, 1e308, 2 ^ 53, 1 << 31,
    math.maxinteger, math.mininteger, "", "a", "a\0b", "12", "5m", "debug", "\xff\xfe",
    ("x"):rep(3000), "http://127.0.0.1:1/", "fake", {}, { "a" }, { a = 1 }, { argv = { "true" } },
    { argv = { "cat" }, stdin_open = true }, { argv = { "spam", "99999" }, timeout = 0.01 },
    { size = 1 }, { name = "n", size = 2 }, { a = "b", ["c\0"] = "d" }, { timeout = 0 },
    { port = 0, handler = print }, { url = "http://127.0.0.1:1/", headers = { a = "b" } },
    erring, nested, holes, io.stdout, coroutine.create(print), core.error("internal", "mine"),
    function() end, function() coroutine.yield() end, function(...) return ... end,
    function() error(core.error("internal", "mine"), 0) end, function() core.sleep(0.001) end,
  }
  for _, handle in pairs(handles) do
    list[#list + 1] = handle
  end
  return list
end

local function handles_of(pool)
  local sandbox = assert(pool:acquire(60))
  return {
    pool = pool, sandbox = sandbox,
    run = assert(sandbox:start { argv = { "cat" }, stdin_open = true }),
    task = core.spawn(function() core.sleep(60) end),
    watch = assert(core.watch("spec/leaks", function() end)),
    server = assert(core.httpd { port = 0, handler = function() return 200, "", {} end }),
  }
end

local function close_all(handles)
  for _, name in ipairs { "run", "sandbox", "watch", "server" } do
    handles[name]:close()
  end
  handles.task:cancel()
end

---Whatever a call has made goes again.
local function close_value(value)
  local close = type(value) == "userdata" and getmetatable(value)
  close = close and close.__close
  if close and value ~= io.stdout then
    pcall(close, value)
  end
end

local function check(name, fine, ...)
  local err = ...
  if fine then
    for i = 1, select("#", ...) do
      close_value((select(i, ...)))
    end
  elseif name == "json_encode" then
    assert.matches("^json: ", err) -- it is json.encode, which throws as the rest of it
  else
    assert(type(err) == "table" and type(err.code) == "string" and #err.message > 0,
      ("%s threw %s"):format(name, tostring(err)))
  end
end

---Calls fn with up to five values, in a task that is cancelled when it takes long.
local function call_with_anything(name, fn, first, list, random)
  local count = random(6) - 1
  local arguments = { first }
  local from = first == nil and 1 or 2
  for i = from, from + count - 1 do
    arguments[i] = list[random(#list + 5)] -- past the end: nil
  end
  local task = core.spawn(function()
    check(name, pcall(fn, table.unpack(arguments, 1, from + count - 1)))
  end)
  local ended, err = task:join(0.001)
  if not ended and err.code == "timeout" then
    task:cancel()
    ended, err = task:join(60)
  end
  assert(ended or err.code == "cancelled", err)
end

---Functions of the module, methods, and metamethods of objects that are not theirs.
local function functions_of(handles)
  local list = {}
  for name, fn in pairs(core) do
    if type(fn) == "function" and not left_out[name] then
      list[#list + 1] = { name = name, fn = fn }
    end
  end
  for kind, handle in pairs(handles) do
    local meta = getmetatable(handle)
    local methods = type(meta.__index) == "table" and meta.__index or meta.methods
    for name, fn in pairs(methods) do
      if type(fn) == "function" then
        list[#list + 1] = { name = kind .. ":" .. name, fn = fn, self = kind }
        list[#list + 1] = { name = kind .. "." .. name, fn = fn }
      end
    end
    for name, fn in pairs(meta) do
      if type(fn) == "function" then
        list[#list + 1] = { name = kind .. "." .. name, fn = fn, foreign = true }
      end
    end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

describe("everything, called with anything,", function()
  for seed = 1, 4 do
    it("says what is wrong, and goes on; seed " .. seed, function()
      local random = generator(seed)
      core.configure { log_level = "off" }
      if seed % 2 == 0 then
        collectgarbage("incremental", 1, 1000, 1)
      end
      core.run(function()
        for _ = 1, 4 do
          local pool <close> = core_support.new_pool({ name = "fuzz", size = 1, max_size = 3 })
          local handles = handles_of(pool)
          local all, plain = values(handles), values {}
          for _, entry in ipairs(functions_of(handles)) do
            for _ = 1, 3 do
              call_with_anything(entry.name, entry.fn, entry.self and handles[entry.self],
                entry.foreign and plain or all, random)
            end
          end
          close_all(handles)
        end
      end)
      collectgarbage("incremental", 200, 100, 13)
      core.configure { log_level = "warn" }
      local sandbox <close> = assert(core.sandbox("fake", nil, {}))
      assert.equal("x\n", assert(sandbox:exec { argv = { "echo", "x" } }).stdout)
    end)
  end
end)
