-- enclave.core without any pool: files of the host, HTTP, and closing a state with all there is.
local core = require "enclave.core"
local core_support = require "spec.core_support"

local child, misuse = core_support.child, core_support.misuse

describe("the host's files", function()
  it("are listed in order, with their types", function()
    local folder = os.tmpname()
    os.remove(folder)
    os.execute(("mkdir %s %s/b; : > %s/a; ln -s a %s/c"):format(folder, folder, folder, folder))
    local list = assert(core.scandir(folder))
    os.execute("rm -r " .. folder)
    assert.same({ { name = "a", type = "file" }, { name = "b", type = "directory" },
                  { name = "c", type = "link" } }, list)
    assert.equal("not_found", select(2, core.scandir(folder)).code)
    assert.equal("not_found", select(2, core.stat(folder)).code)
    assert.equal("directory", core.stat("/").type)
    misuse("path nil", core.stat)
  end)
end)

describe("http", function()
  it("tells what cannot work", function()
    misuse("url nil", core.http, {})
    misuse("method", core.http, { url = "http://localhost/", method = "get it" })
    misuse("headers", core.http, { url = "http://localhost/", headers = { A = "b\r\nC: d" } })
    assert.equal("invalid", select(2, core.http { url = "ftp://x/" }).code)
    assert.equal("unavailable",
      select(2, core.http { url = "http://127.0.0.1:1/x", timeout = 5 }).code)
  end)
end)

describe("closing a state", function()
  it("with everything pending ends in time and without a crash", function()
    local output, code = child [[
      local core = require "enclave.core"
      local pool = assert(core.pool("fake", { destroy_ms = 20, create_ms = 1 }, {},
        { name = "p", size = 2, max_size = 2 },
        { created = function() core.sleep(0) return true end,
          retiring = function() core.sleep(100) end }))
      assert(pool:warm())
      local own = assert(core.sandbox("fake", nil, {}))
      local a, b = assert(pool:acquire()), assert(pool:acquire())
      local run = assert(a:start { argv = { "sleep", "100" } })
      local reader = core.spawn(function() return run:read() end)
      core.spawn(function() return b:exec { argv = { "hang" }, on_stdout = print } end)
      core.spawn(function() return pool:acquire() end)
      core.spawn(function() local s <close> = assert(core.sandbox("fake", nil, {}))
        core.sleep(100) end)
      core.spawn(function() return core.sandbox("fake", { never_ready = true }, {}) end)
      core.spawn(function() return core.http { url = "http://127.0.0.1:9/" } end)
      core.spawn(function() return own:put_file("a", "b") end)
      core.spawn(function() return own:reset() end)
      local other = core.pool("fake", { create_ms = 500 }, {}, { name = "q", size = 3 })
      core.spawn(function() return other:warm(print) end)
      core.sleep(0.05)
      started = core.now()
      keep = { pool, own, a, b, run, reader, other }
    ]]
    assert.equal(0, code, output)
  end)

  it("in any order of collection ends without a crash", function()
    local output, code = child [[
      local core = require "enclave.core"
      for round = 1, 60 do
        local pool = assert(core.pool("fake", nil, {}, { name = "p", size = 1 }))
        local sandbox = assert(pool:acquire())
        local run = assert(sandbox:start { argv = { "sleep", "100" } })
        local own = assert(core.sandbox("fake", nil, {}))
        local task = core.spawn(function() return run:wait() end)
        core.sleep(0)
        local all = { pool, sandbox, run, own }
        for i = #all, 2, -1 do
          local j = (round * 7 + i) % i + 1
          all[i], all[j] = all[j], all[i]
        end
        for i, object in ipairs(all) do
          local meta = debug.getmetatable(object)
          if (round + i) % 3 == 0 then meta.__gc(object) end
          if (round + i) % 2 == 0 then meta.__close(object) end
          if (round + i) % 5 == 0 then meta.__gc(object) meta.__gc(object) end
          if (round + i) % 4 == 0 then collectgarbage() end
        end
        task:cancel()
        task:join(5)
      end
      keep = setmetatable({}, { __gc = function(self)
        print("late", pcall(self.pool.acquire, self.pool, 0))
        print("late", self.sandbox:exec { argv = { "true" } })
        print("late", self.pool:close(), self.sandbox:close())
      end })
      keep.pool = core.pool("fake", nil, {}, { name = "p", size = 1 })
      keep.sandbox = keep.pool:acquire()
    ]]
    assert.equal(0, code, output)
  end)
end)
