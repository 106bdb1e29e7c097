-- The commands of enclave-lua: what they write, their exit codes, what they refuse.
local cli = require "enclave.cli"
local json = require "enclave.json"
local program = require "spec.program"
local server_process = require "spec.server_process"
local support = require "spec.support"

local run, quote = program.run, program.quote
local fake = "--sandbox-type fake "
local nowhere = "--docker-host unix:///nonexistent/docker.sock"

describe("the command line", function()
  it("explains itself", function()
    for _, arguments in ipairs({ "--help", "-h", "help" }) do
      local out, err, code = run(arguments)
      assert.same({ "", 0 }, { err, code })
      for _, name in ipairs(cli.names) do
        assert.matches("\n   " .. name .. " ", out)
      end
      assert.matches("enclave%-lua exec 'print", out)
      assert.matches("124 +exec: the program ran into its time limit", out)
    end
    for _, name in ipairs(cli.names) do
      local out, err, code = run(name .. " --help")
      assert.same({ "", 0 }, { err, code })
      assert.matches("^Usage: enclave%-lua " .. name, out)
      assert.matches("Examples:\n   %S", out)
      assert.equal(out, (run("help " .. name)))
      for line in out:gmatch("[^\n]+") do
        assert(utf8.len(line) <= 100, line)
      end
    end
  end)

  it("refuses what it does not know, and says where to look", function()
    for _, name in ipairs(cli.names) do
      local out, err, code = run(name .. " --nonsense")
      assert.same({ "", name == "exec" and 125 or 2 }, { out, code })
      assert.matches("^enclave%-lua " .. name .. ": unknown option '%-%-nonsense'", err)
      assert.matches("'enclave%-lua " .. name .. " %-%-help' shows", err)
    end
    for arguments, problem in pairs({
      ["pool --size many"] = "expected a whole number, 0 or more, got 'many'",
      ["pool --size=-1"] = "got '%-1'",
      ["pool --size 1.5"] = "got '1.5'",
      ["top --interval soon"] = "expected a number, 0 or more, got 'soon'",
      ["top --interval 1e999"] = "got '1e999'",
      ["pool --size"] = "requires an argument",
      ["pool --reuse never"] = "must be one of 'reset', 'fresh', 'keep'",
      ["pool -E"] = "unknown option '%-E'",
      ["pool more words"] = "too many arguments",
    }) do
      local _, err, code = run(arguments)
      assert.equal(2, code, arguments)
      assert.matches(problem, err)
    end
    for arguments, problem in pairs({ ["exec"] = "missing argument 'code'",
      ["exec --env A x"] = "%-%-env A: expected NAME=VALUE\n$",
      ["exec --param A x"] = "%-%-param A: expected NAME=VALUE\n$",
      ["exec --stdin /no/such x"] = "exec: /no/such: No such file or directory\n$",
      ["exec --sandbox-type nope x"] = 'there is no type "nope"' }) do
      local _, err, code = run(arguments)
      assert.equal(125, code)
      assert.matches(problem, err)
    end
  end)

  it("bears standard streams that are closed or full", function()
    local shell = quote(program.path) .. " exec --tool shell_executor " .. fake
    local function code_of(command)
      return select(3, os.execute(("export ENCLAVE_LUA_PATH=%s; exec 2>/dev/null; timeout 60 %s")
        :format(quote(program.lua), command)))
    end
    assert.equal(125, code_of(shell .. "- <&-"))
    assert.equal(3, code_of(shell .. "'exit 3' <&- >&- 2>&-"))
    assert.equal(125, code_of(shell .. "'echo x' >/dev/full"))
    assert.equal(1, code_of(quote(program.path) .. " tools >/dev/full"))
    assert.equal(1, code_of(quote(program.path) .. " tools --json >/dev/full")) -- long
    assert.equal(1, code_of(quote(program.path) .. " tools >&-"))
  end)

  it("tells what is inside", function()
    local out, _, code = run("--version")
    assert.equal(0, code)
    for _, name in ipairs({ "Enclave %d", "Lua 5%.4", "libuv %d", "jansson %d", "libcurl/%d" }) do
      assert.matches(name, out)
    end
  end)
end)

describe("enclave-lua exec", function()
  it("passes output and exit code through", function()
    assert.same({ "a\n", "b\n", 3 },
      { run("exec 'import sys; print(\"a\"); print(\"b\", file=sys.stderr); sys.exit(3)'") })
    assert.same({ "", "", 4 }, { run("exec 'import os; os._exit(4)'") })
    assert.same({ "in\n", "", 0 }, { run("exec -", "print('in')") })
    assert.same({ "1 2\n", "", 0 }, { run("exec --stdin - 'print(input())'", "1 2") })
    assert.same({ "x y\n", "", 0 },
      { run("exec --tool shell_executor --env 'A=x y' 'echo \"$A\"'") })
    assert.same({ "['a', '1']\n", "", 0 },
      { run([[exec --param 'args=["a", "1"]' 'import sys; print(sys.argv[1:])']]) })
  end)

  it("passes output through as it comes, however long", function()
    local out = os.tmpname()
    os.execute(("%s exec --tool shell_executor 'echo first; i=0; while [ $i -lt 400 ]; do"
      .. " sleep 0.05; i=$((i+1)); done; echo last' >%s 2>/dev/null & pid=$!; i=0;"
      .. " until grep -q first %s || [ $i -gt 300 ]; do sleep 0.05; i=$((i+1)); done;"
      .. " kill -TERM $pid; wait $pid"):format(quote(program.path), out, out))
    assert.equal("first\n", program.read(out))
    os.remove(out)
    local text, err, code = run("exec 'print(\"x\" * 3000000)'")
    assert.same({ 3000001, "", 0 }, { #text, err, code })
    text, err, code = run("exec --timeout 0.5 'import sys, time; print(1, flush=True);"
      .. " print(2, file=sys.stderr, flush=True); time.sleep(60)'")
    assert.same({ "1\n", 124 }, { text, code })
    assert.matches("^2\ntimed out after [%d.]+ s\n$", err)
  end)

  it("has codes of its own for time, signals and failures", function()
    local _, err, code = run("exec --timeout 0.3 'import time; time.sleep(60)'")
    assert.equal(124, code)
    assert.matches("timed out", err)
    _, err, code = run("exec --tool shell_executor 'kill -9 $$'")
    assert.equal(137, code)
    assert.matches("SIGKILL", err)
    _, err, code = run("exec " .. nowhere .. " 'print(1)'")
    assert.equal(125, code)
    assert.matches("^enclave%-lua exec: .*nonexistent", err)
    assert.not_matches("traceback", err)
    _, err, code = run("exec --image no/such:image --param x 1")
    assert.equal(125, code)
    assert.matches("%-%-param x: expected NAME=VALUE", err)
    _, err, code = run("exec --tool python_exec 1")
    assert.equal(125, code)
    assert.matches('did you mean "python_executor"', err)
    _, err, code = run("exec --stdin - -", "1")
    assert.equal(125, code)
    assert.matches("cannot both come", err)
    _, err, code = run("exec --stdin /no/such/file 1")
    assert.equal(125, code)
    assert.matches("/no/such/file", err)
  end)

  it("writes the result as JSON", function()
    local out, err, code = run("exec " .. fake .. "--json 'print(\"hi\")\nexit 5'")
    assert.same({ "", 5 }, { err, code })
    local result = json.decode(out)
    assert.same({ "python_executor", "error", "hi\n", 5 }, { result.tool_name, result.status,
      result.output, result.metadata.exit_code })
  end)

  it("runs a tool of one's own, whatever its parameter is called", function()
    local folder = support.folder()
    folder:write("shout.lua", [[return { name = "shout", api = 1,
      parameters = { type = "object", required = { "text" },
        properties = { text = { type = "string" }, mark = { type = "string" } } },
      execute = function(_, p) return p.text:upper() .. (p.mark or "") .. "\n" end }]])
    local arguments = ("exec %s --tools %s --tool shout "):format(fake, quote(folder.path))
    local out, err, code = run(arguments .. "--param mark=! hello")
    local _, bad, refused = run(arguments .. "--param mark=7 hello")
    assert.equal("HI!\n", (run(arguments .. "--param mark=! --param text=hi")))
    folder:remove()
    assert.same({ "HELLO!\n", "", 0 }, { out, err, code })
    assert.equal(125, refused)
    assert.matches("mark: expected a string", bad)
  end)
end)

describe("enclave-lua pool", function()
  it("runs each line, in order, and shows statistics", function()
    local lines = {}
    for i = 1, 40 do
      lines[i] = ("print(%d)"):format(i)
    end
    local out, err, code = run("pool --size 3 " .. fake, table.concat(lines, "\n\n"))
    local expected = {}
    for i = 1, 40 do
      expected[i] = i .. "\n"
    end
    assert.same({ table.concat(expected), 0 }, { out, code })
    assert.matches("^40 succeeded, 0 failed, [%d.]+ calls/s in .*; 3 sandboxes created\n", err)
    assert.matches("\nrun +%S", err)
  end)

  it("shows progress on a terminal, and leaves no trace of it", function()
    local out = os.tmpname()
    os.execute(("timeout 60 script -qec %s %s </dev/null >/dev/null 2>&1"):format(
      quote(quote(program.path) .. " pool --size 2 " .. fake .. "</dev/null"), out))
    local text = program.read(out)
    os.remove(out)
    assert.matches("\r\27%[Kstart sandboxes %[#+ *%] +%d+ %%", text)
    assert.matches("100 %%\r\27%[K0 succeeded", text)
  end)

  it("says which lines failed", function()
    local out, err, code = run("pool --size 1", "print('one')\n\nimport os; os._exit(2)\nx = (")
    assert.same({ "one\n", 1 }, { out, code })
    assert.matches("pool: line 3: exit code 2\n", err)
    assert.matches("SyntaxError", err)
    assert.matches("1 succeeded, 2 failed", err)
  end)

  it("takes parameters and gives results as JSON", function()
    local out, _, code = run("pool --json --params --tool shell_executor " .. fake,
      '{"command": "echo a"}\n[1\n"text"\n{"command": "exit 3"}\n{"cmd": "x"}\n')
    assert.equal(1, code)
    local results = {}
    for line in out:gmatch("[^\n]+") do
      results[#results + 1] = assert(json.decode(line))
    end
    assert.equal(6, #results)
    assert.equal("a\n", results[1].output)
    assert.same({ "invalid", 2 }, { results[2].code, results[2].line })
    assert.matches("expected a JSON object", results[3].error)
    assert.equal(3, results[4].metadata.exit_code)
    assert.equal("invalid", results[5].code)
    assert.same({ 1, 4, 5 }, { results[6].succeeded, results[6].failed,
      results[6].stats.pool_size + 3 })
  end)

  it("shows a result before the next line comes", function()
    local out = os.tmpname()
    os.execute(("(printf 'print(1)\\n'; i=0; until grep -q 1 %s || [ $i -gt 400 ]; do sleep 0.05;"
      .. " i=$((i+1)); done; echo \"print($([ $i -le 400 ] && echo seen))\") | %s pool %s >%s"
      .. " 2>/dev/null"):format(out, quote(program.path), fake, out))
    local text = program.read(out)
    os.remove(out)
    assert.equal("1\nseen\n", text)
  end)

  it("says why it cannot begin", function()
    local out, err, code = run("pool " .. nowhere, "print(1)")
    assert.same({ "", 1 }, { out, code })
    assert.matches("\nenclave%-lua pool: .*nonexistent", err)
    out, err, code = run("pool --size 3 --max-size 2 " .. fake, "print(1)")
    assert.same({ "", 1 }, { out, code })
    assert.matches("max_size: expected at least pool_size", err)
  end)
end)

describe("enclave-lua tools", function()
  it("lists them", function()
    local out, err, code = run("tools")
    assert.same({ "", 0 }, { err, code })
    assert.matches("^NAME +VERSION +SANDBOXES", out)
    assert.matches("\nshell_executor +1%.%d%.0 +docker .* built in\n", out)
    local tools = json.decode((run("tools --json")))
    assert.equal("python_executor", tools.python_executor["function"].name)
    assert.equal("object", tools.python_executor["function"].parameters.type)
  end)

  it("checks files of one's own", function()
    local folder = support.folder()
    local good = folder:write("good.lua", [[return { name = "good", api = 1,
      description = "Does nothing", parameters = { type = "object",
      additionalProperties = false, properties = {} }, execute = function() end }]])
    local bad = folder:write("bad.lua", "return { name = 'bad', api = 1 }")
    local out, _, code = run("tools --check " .. quote(good))
    local text, _, failed = run("tools --check " .. quote(good) .. " --check " .. quote(bad))
    local reports = json.decode((run("tools --json --check " .. quote(bad))))
    folder:remove()
    assert.same({ 0, 1 }, { code, failed })
    assert.matches("good%.lua: tool good: 0 errors, 0 warnings\n", out)
    assert.matches("bad%.lua:%d+: error: execute: missing", text)
    assert.is_false(reports[1].ok)
  end)

  it("names a file that is not right", function()
    local folder = support.folder()
    folder:write("bad.lua", "return { name = 'bad', api = 1 }")
    local out, err, code = run("tools --tools " .. quote(folder.path))
    folder:remove()
    assert.same({ "", 1 }, { out, code })
    assert.matches("bad%.lua:%d+: execute: missing", err)
  end)
end)

describe("enclave-lua serve", function()
  it("takes the example's options, and refuses to be reached by others without a key", function()
    local config = "serve --config examples/server/server.lua --port 0 "
    local _, err, code = run(config .. "--host 0.0.0.0", nil, "unset ENCLAVE_API_KEY; ")
    assert.equal(1, code)
    assert.matches("^enclave%-lua serve: host: 0%.0%.0%.0 can be reached by others", err)
    _, err, code = run(config .. "--log-level loud")
    assert.equal(2, code)
    assert.matches("'%-%-log%-level' must be one of 'debug'", err)
  end)

  it("says what is wrong with its options", function()
    local folder = support.folder()
    local file = quote(folder:write("server.lua", "return { prot = 80 }"))
    local _, err, code = run("serve --config " .. file)
    local none = quote(folder:write("none.lua", "local x = 1"))
    local _, nothing, refused = run("serve --config " .. none)
    local _, missing = run("serve --config /no/such/file.lua")
    local drain = quote(folder:write("drain.lua", 'return { drain = "soon" }'))
    local _, soon = run("serve --config " .. drain)
    folder:remove()
    assert.matches('drain: expected a number, got string "soon"', soon)
    assert.same({ 1, 1 }, { code, refused })
    assert.matches('unknown option "prot"; did you mean "port"', err)
    assert.matches("none%.lua: expected it to return a table of options, got nothing", nothing)
    assert.matches("/no/such/file%.lua: No such file", missing)
    for _, text in ipairs({ err, nothing, missing }) do
      assert.not_matches("traceback", text)
    end
    for arguments, problem in pairs({ ["--max-memory lots"] = 'max_memory: .*got string "lots"',
      ["--port 99999"] = "port: expected 0 to 65535, got 99999",
      ["--api-key-file /no/such"] = "/no/such: No such file",
      ["--routes /no/such"] = "serve: /no/such: No such file" }) do
      _, err, code = run("serve --port 0 " .. arguments)
      assert.equal(1, code)
      assert.matches(problem, err)
    end
  end)
end)

describe("enclave-lua doctor", function()
  it("finds this machine fit", function()
    local out, err, code = run("doctor")
    assert.same({ "", 0 }, { err, code })
    for _, name in ipairs({ "docker", "api", "cgroups", "seccomp", "runtime", "image", "agent" }) do
      assert.matches("%f[%w]%a+ +" .. name .. " +%S", out)
    end
    assert.matches("ok +agent +agent: a sandbox was up in", out)
    local report = json.decode((run("doctor --json")))
    assert.is_true(report.healthy)
    assert.equal("docker", report.checks[1].check)
  end)

  it("names what is missing and how to mend it", function()
    local out, _, code = run("doctor " .. nowhere)
    assert.equal(1, code)
    assert.matches("^missing docker .*nonexistent.* %-> start it", out)
    assert.matches("%-> correct DOCKER_HOST", (run("doctor --docker-host nonsense")))
    out, _, code = run("doctor --image no/such:image")
    assert.equal(1, code)
    assert.matches("missing image .* %-> docker pull no/such:image", out)
    assert.not_matches("agent", out)
    out, _, code = run("doctor --runtime runvm")
    assert.equal(1, code)
    assert.matches("missing runtime +no runtime runvm; there are: .* %-> install it", out)
    local report = json.decode((run("doctor --json " .. nowhere)))
    assert.is_false(report.healthy)
  end)
end)

describe("enclave-lua top", function()
  local server

  setup(function()
    server = server_process.start("--log-level error",
      "return { policy = { sandbox_types = { 'fake' } } }")
    assert.equal(200, server:post("/pool/initialize?pool_size=2&sandbox_type=fake", {}))
  end)

  teardown(function()
    server:stop()
  end)

  it("shows a server once when it writes to no terminal", function()
    local out, err, code = run("top --url " .. server.url)
    assert.same({ "", 0 }, { err, code })
    assert.matches("^Enclave %d.* at http://.*, up .*, healthy\n2 sandboxes: 2 idle\n", out)
    assert.matches("\nPOOL +SIZE +IDLE", out)
    assert.matches("\ndefault +2 +2 +0", out)
    assert.is_true(json.decode((run("top --json --url " .. server.url))).healthy)
  end)

  it("draws on a terminal until it is interrupted, and leaves that as it was", function()
    local out, pid = os.tmpname(), os.tmpname()
    local top = ("echo $$ >%s; exec %s top --interval 0.1 --url %s"):format(pid,
      quote(program.path), server.url)
    os.execute(([[timeout 60 script -qec %s %s </dev/null >/dev/null 2>&1 & i=0
      until [ "$(grep -c healthy %s)" -ge 3 ] || [ $i -gt 400 ]; do sleep 0.05; i=$((i+1)); done
      kill -INT $(cat %s); wait]]):format(quote(top), out, out, pid))
    os.remove(pid)
    local text = program.read(out)
    os.remove(out)
    assert.matches("\27%[%?1049h\27%[%?25l\27%[HEnclave %d.*\27%[K", text)
    assert.matches("\27%[%?25h\27%[%?1049l", text)
    assert.matches("enclave%-lua: interrupted", text)
  end)

  it("says when there is no server", function()
    local out, err, code = run("top --url http://127.0.0.1:1")
    assert.same({ "", 1 }, { out, code })
    assert.matches("^enclave%-lua top: ", err)
    local _, problem, refused = run("top --url nonsense")
    assert.equal(1, refused)
    assert.matches("base_url: expected", problem)
  end)
end)
