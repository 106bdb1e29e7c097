-- enclave-lua as a program: options, exit codes, messages, signals.
local program = require "spec.program"
local support = require "spec.support"
local quote, run = program.quote, program.run

local function with_script(code, body)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(code)
  file:close()
  local ok, err = pcall(body, path)
  os.remove(path)
  if not ok then error(err, 0) end
end

describe("enclave-lua", function()
  it("executes strings, in order, and libraries", function()
    assert.same({ "1\t2\n3\n", "", 0 }, { run [[-e 'x = 1 print(x, 2)' -e 'print(x + 2)']] })
    assert.same({ "true\n", "", 0 }, { run [[-l t=table -e 'print(t == table)']] })
    assert.same({ "function\n", "", 0 }, { run [[-lenclave.core -e 'print(type(
      package.loaded["enclave.core"].run))']] })
    assert.same({ "-e\t0\n", "", 0 }, { run "-e 'print(arg[1], select(\"#\", ...))'" })
  end)

  it("runs a script with its arguments", function()
    with_script("print(#arg, arg[0] == ..., select('#', ...), ...) print(arg[-1] ~= nil)",
      function(path)
        local out, err, code = run(path .. " a 'b c' ''")
        assert.same({ "3\tfalse\t3\ta\tb c\t\ntrue\n", "", 0 }, { out, err, code })
        out = run("-- " .. path .. " -x")
        assert.matches("^1\tfalse\t1\t%-x\n", out)
      end)
  end)

  it("reads a script from standard input", function()
    assert.same({ "in\n", "", 0 }, { run("", "print 'in'") })
    assert.same({ "a\tb\n", "", 0 }, { run("- a b", "print(...)") })
    local _, err, code = run("-", "print(")
    assert.equal(1, code)
    assert.matches("^enclave%-lua: stdin:1:", err)
  end)

  it("runs the script as a task", function()
    local out = run [[-e 'local core = require "enclave.core"
      print(core.current() ~= nil, coroutine.isyieldable())
      local t = core.spawn(function() core.sleep(0.01) return 5 end) print(t:join())']]
    assert.equal("true\ttrue\ntrue\t5\n", out)
  end)

  it("finds the Lua files of Enclave", function()
    assert.equal("true\n", (run [[-e 'print(package.searchpath("enclave.init",
      package.path) ~= nil)']]))
    assert.matches("^/nowhere/%?.lua;", (run("-e 'print(package.path)'", nil,
      "ENCLAVE_LUA_PATH=/nowhere")))
  end)

  it("reports errors with a traceback and exit code 1", function()
    with_script("local function f() error('boom') end\nf()\n", function(path)
      local out, err, code = run(path)
      assert.same({ "", 1 }, { out, code })
      assert.equal(("enclave-lua: %s:1: boom\nstack traceback:\n\t[C]: in function 'error'\n" ..
        "\t%s:1: in local 'f'\n\t%s:2: in main chunk\n\t[C]: in ?\n")
        :format(path, path, path):gsub("in local 'f'", "F"),
        (err:gsub("in local 'f'", "F"):gsub("in function <[^>]*>", "in main chunk")
          :gsub("in upvalue 'f'", "F")))
    end)
    local _, err, code = run [[-e 'error(setmetatable({}, { __tostring = function()
      return "mine" end }))']]
    assert.same({ "enclave-lua: mine\n", 1 }, { err, code })
    _, err = run "-e 'error({})'"
    assert.equal("enclave-lua: (error object is a table value)\n", err)
    _, err, code = run "/no/such/file.lua"
    assert.equal(1, code)
    assert.matches("cannot open /no/such/file.lua", err)
    _, err, code = run "-l no_such_module"
    assert.equal(1, code)
    assert.matches("module 'no_such_module' not found", err)
  end)

  it("refuses unknown options and those without their argument", function()
    for _, arguments in ipairs { "-x", "-vv", "--nonsense", "-ix" } do
      local _, err, code = run(arguments)
      assert.equal(1, code)
      assert.matches("unrecognized option '" .. arguments:gsub("%-", "%%-"), err)
      assert.matches("usage: enclave%-lua", err)
    end
    for _, arguments in ipairs { "-e", "-l", "-l -e" } do
      local _, err, code = run(arguments)
      assert.equal(1, code)
      assert.matches("needs argument", err)
    end
  end)

  it("tells its version", function()
    for _, arguments in ipairs { "-v", "--version" } do
      local out, _, code = run(arguments)
      assert.equal(0, code)
      assert.matches("^Enclave %d+%.%d+%.%d+  Lua 5%.4", out)
    end
  end)

  it("looks at LUA_INIT, unless -E says not to", function()
    assert.equal("init\n1\n", (run("-e 'print(1)'", nil, [[LUA_INIT='print "init"']])))
    assert.equal("1\n", (run("-E -e 'print(1)'", nil, [[LUA_INIT='print "init"']])))
    with_script("print 'from file'", function(path)
      assert.equal("from file\n", (run("-e ''", nil, "LUA_INIT_5_4=@" .. path)))
    end)
    local _, err, code = run("-e 'print(1)'", nil, "LUA_INIT='error(1)'")
    assert.equal(1, code)
    assert.matches("LUA_INIT", err)
  end)

  it("turns warnings on", function()
    assert.matches("Lua warning: careful", (select(2, run "-W -e 'warn(\"careful\")'")))
    assert.equal("", (select(2, run "-e 'warn(\"careful\")'")))
  end)

  it("is interactive", function()
    local out, err, code = run("-i", "x = 5\nx * 2\nfor i = 1, 2 do\nprint(i)\nend\nerror('e')\n" ..
      "require('enclave.core').sleep(0)\n'last'")
    assert.equal(0, code)
    assert.matches("^Enclave .*\n> > 10\n> >> >> 1\n2\n> > true\n> last\n> \n$", out)
    assert.matches("^enclave%-lua: stdin:1: e\nstack traceback", err)
    out = run("-i -e '_PROMPT = \"$ \" y = 1'", "y")
    assert.matches("\n%$ 1\n%$ \n$", out)
  end)

  it("takes a command's name for the command, and a path for the script", function()
    local folder = support.folder()
    folder:write("tools", "print('a script', ...)")
    local cd = ("cd %s && "):format(quote(folder.path))
    local out = run("tools --json", nil, cd)
    local script, _, code = run("./tools x", nil, cd)
    local _, err, failed = run("nogreet")
    folder:remove()
    assert.matches("^{", out)
    assert.same({ "a script\tx\n", 0 }, { script, code })
    assert.equal(1, failed)
    assert.matches("cannot open nogreet", err)
    assert.not_matches("did you mean", err)
    assert.matches("\nenclave%-lua: did you mean the command exec%?\n", (select(2, run("exce"))))
  end)

  it("keeps the exit code of os.exit and closes what was made", function()
    for _, arguments in ipairs { "3", "3, true" } do
      local out, _, code = run(([[-e 'local core = require "enclave.core"
        local pool = core.pool("fake", nil, {}, { name = "p", size = 2 })
        pool:warm() print(pool:stats().idle) os.exit(%s)']]):format(arguments))
      assert.same({ "2\n", 3 }, { out, code })
    end
  end)
end)

describe("a signal to enclave-lua", function()
  ---Starts the script, waits until it says "ready", sends the signals; output and exit code.
  local function interrupt(code, signals, pause)
    local output, text, status
    with_script("io.stdout:setvbuf('no')\n" .. code, function(path)
      output = os.tmpname()
      local command = ([[
        %s %s >%s 2>&1 & pid=$!
        i=0; until grep -q ready %s || [ $i -gt 200 ]; do sleep 0.05; i=$((i+1)); done
        for s in %s; do sleep %s; kill -$s $pid; done
        ( sleep 40; kill -9 $pid ) >/dev/null 2>&1 & guard=$!
        wait $pid; code=$?; kill $guard; exit $code
      ]]):format(quote(program.path), path, output, output, signals, pause or "0.1")
      local _, _, got = os.execute(command)
      status = got
      local file = assert(io.open(output))
      text = file:read("a")
      file:close()
      os.remove(output)
    end)
    return text, status
  end

  local guard = [[
    local core = require "enclave.core"
    local pool = assert(core.pool("fake", { destroy_ms = 20 }, {}, { name = "p", size = 2 }))
    assert(pool:warm())
    local lease <close> = assert(pool:acquire())
    local last <close> = setmetatable({}, { __close = function()
      print("closing", core.sleep(0.01), pool:stats().busy)
    end })
  ]]

  for signal, code in pairs { INT = 130, TERM = 143 } do
    it("closes all while Lua waits (" .. signal .. ")", function()
      local text, status = interrupt(guard .. [[
        core.spawn(function() print("ready") core.sleep(1000) end)
        while true do pcall(core.sleep, 1000) end
      ]], signal)
      assert.equal(code, status)
      assert.matches("closing\ttrue\t1\n", text)
      assert.matches("enclave%-lua: interrupted\n", text)
    end)

    it("closes all while Lua computes (" .. signal .. ")", function()
      local text, status = interrupt(guard .. [[
        print("ready")
        while true do pcall(function() while true do end end) end
      ]], signal)
      assert.equal(code, status)
      assert.matches("closing\ttrue\t1\n", text)
    end)
  end

  it("works while a program runs, and while a task computes in a sort", function()
    local text, status = interrupt(guard .. [[
      core.spawn(function() print("ready") end)
      lease:exec { argv = { "sleep", "1000" }, timeout = 200 }
    ]], "INT")
    assert.equal(130, status)
    assert.matches("closing\ttrue", text)
    text, status = interrupt([[
      local last <close> = setmetatable({}, { __close = function() print("closing") end })
      print("ready")
      table.sort({ 1, 2, 3 }, function() while true do end end)
    ]], "TERM")
    assert.equal(143, status)
    assert.matches("closing", text)
  end)

  it("a second time ends it at once", function()
    local text, status = interrupt([[
      local core = require "enclave.core"
      local slow <close> = setmetatable({}, { __close = function()
        print("slow") while true do end
      end })
      print("ready")
      core.sleep(1000)
    ]], "INT INT", "0.5")
    assert.equal(130, status)
    assert.matches("slow", text)
  end)
end)
