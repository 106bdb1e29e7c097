-- multi_code_executor in pools and sandboxes of all kinds: the build cache, streaming, files
-- out, cancelling, the exec channel, HTTP; with a small language that is built.
local core = require "enclave.core"
local enclave = require "enclave"
local support = require "spec.support"

-- What it builds holds the time, so that a second build shows.
local stamp = [=[
return {
  name = "stamp", file = "main.st", extensions = { "st" }, programs = { "sh", "tar" },
  build = { "sh", "-c", "echo warning >&2; sleep ${SLEEP:-0}; [ -z $FAIL ] || exit 3"
    .. "; cat main.st lib.st 2>/dev/null > out"
    .. "; date +%N >> out; chmod 755 out" },
  artifacts = { "out", "none" },
  run = { "sh", "-c", "[ -x out ] && cat out; echo changed > out" },
}]=]

describe("multi_code_executor", function()
  local folder, manager
  local open = {} -- pools
  setup(function()
    folder = support.folder()
    folder:write("stamp.lua", stamp)
    manager = assert(enclave.manager{ languages = { folder.path } })
  end)
  after_each(function()
    while #open > 0 do
      manager:close_pool(table.remove(open))
    end
  end)
  teardown(function()
    manager:close()
    folder:remove()
  end)

  local function pool(name, config, settings)
    config.image = support.image
    config.tools_config = { multi_code_executor = settings or {} }
    assert(manager:initialize_pool{ name = name, pool_size = 1, config = config })
    open[#open + 1] = name
    return function(parameters)
      return assert(manager:execute_tool_in_pool("multi_code_executor", parameters,
        { pool = name }))
    end
  end

  it("keeps what it built, by all that went into it", function()
    local call = pool("cached", {})
    local first = call{ language = "stamp", code = "a" }
    assert.is_false(first.metadata.build.cached)
    assert.equal("success", first.status, first.error)
    local again = call{ language = "stamp", code = "a" }
    assert.is_true(again.metadata.build.cached)
    assert.equal(first.output, again.output)
    assert.equal("warning\n", again.metadata.build.stderr)
    for _, other in ipairs({ { code = "b" }, { code = "a", files = { ["lib.st"] = "b" } },
      { code = "a", file = "other.st" }, { code = "a", env = { EXTRA = "x" } },
      { code = "a", folder = "f" } }) do
      other.language = "stamp"
      local result = call(other)
      assert.is_false(result.metadata.build.cached)
      assert.are_not.equal(first.output, result.output)
      assert.is_true(call(other).metadata.build.cached)
    end
    assert.equal(first.output, call{ language = "stamp", code = "a" }.output)
  end)

  it("keeps builds for as long as the manager lives, and not across pools that differ", function()
    local one = pool("one", {})
    local first = one{ language = "stamp", code = "shared" }
    manager:close_pool(table.remove(open))
    local same = pool("two", {})
    assert.equal(first.output, same{ language = "stamp", code = "shared" }.output)
    local other = pool("three", { env_vars = { EXTRA = "x" } })
    assert.is_false(other{ language = "stamp", code = "shared" }.metadata.build.cached)
  end)

  it("builds again where a sandbox may hold what others left, or where it was told to", function()
    local call = pool("kept", { reuse = "keep" })
    local function fresh()
      local result = call{ language = "stamp", code = "a" }
      assert.equal("success", result.status, result.error)
      assert.is_nil(result.metadata.build.cached)
    end
    fresh()
    fresh()
    call = pool("uncached", {}, { build_cache = 0 })
    fresh()
    fresh()
  end)

  it("judges what cannot be built", function()
    local call = pool("broken", {})
    local result = call{ language = "stamp", code = "", env = { FAIL = "1" }, cases = { {}, {} } }
    assert.equal("error", result.status)
    assert.equal("warning\n", result.error)
    assert.equal("compile_error", result.metadata.verdict)
    assert.equal(3, result.metadata.build.exit_code)
    assert.is_nil(result.metadata.cases)
    result = call{ language = "stamp", code = "", env = { FAIL = "1" } }
    assert.is_nil(result.metadata.verdict)
    result = call{ language = "stamp", code = "", env = { SLEEP = "60" }, compile_timeout = 0.5 }
    assert.equal("timeout", result.status)
    assert.matches("the build timed out", result.error, 1, true)
  end)

  it("returns files, of the call or of what it made", function()
    local call = pool("files", {})
    local result = call{ language = "python", folder = "job",
      code = "open('made.txt', 'w').write('made'); print('x')",
      fetch_files = { "job/*.txt", "job/main.py", "none" } }
    assert.equal("made", result.metadata.files["job/made.txt"].content)
    assert.is_truthy(result.metadata.files["job/main.py"])
    assert.is_truthy(result.metadata.missing_files.none)
    local none, err = manager:execute_tool_in_pool("multi_code_executor", { language = "python",
      code = "", fetch_files = { "../x" } }, { pool = "files" })
    assert.is_nil(none)
    assert.matches("fetch_files", err.message, 1, true)
  end)

  it("passes output on as it comes", function()
    pool("stream", {})
    local pieces = {}
    local result = assert(manager:execute_tool_in_pool("multi_code_executor", { language = "python",
      code = "import time\nprint('one', flush=True)\ntime.sleep(0.3)\nprint('two')" },
      { pool = "stream", on_stdout = function(bytes)
        pieces[#pieces + 1] = bytes
      end }))
    assert.same({ "one\n", "two\n" }, pieces)
    assert.equal("one\ntwo\n", result.output)
  end)

  it("finds what was installed meanwhile in a sandbox that is kept", function()
    local config = { image = support.image,
      env_vars = { PATH = "/sandbox/bin:/usr/local/bin:/usr/bin:/bin" } }
    local first, other = assert(manager:create_sandbox("docker", config)),
      assert(manager:create_sandbox("docker", config))
    local function lua(id)
      return assert(manager:execute_tool(id, "multi_code_executor", { language = "lua",
        code = "" }))
    end
    assert.matches("which this image lacks", lua(first).error, 1, true)
    assert(manager:execute_tool(first, "shell_executor", { command = "mkdir bin; printf"
      .. " '#!/bin/sh\\necho installed\\n' > bin/lua; chmod 755 bin/lua" }))
    assert.equal("installed\n", lua(first).output)
    assert.matches("which this image lacks", lua(other).error, 1, true)
    assert(manager:delete_sandbox(first))
    assert(manager:delete_sandbox(other))
  end)

  it("works on the exec channel too", function()
    local call = pool("exec", { channel = "exec" })
    local result = call{ language = "stamp", code = "a", files = { ["sub/x"] = "" } }
    assert.equal("success", result.status, result.error)
    result = call{ language = "python", code = "print(input(), end='')",
      cases = { { stdin = "1", expected = "1" }, { stdin = "2", expected = "x" },
        { stdin = "3", expected = "3", files = { ["sub/y"] = "" } } } }
    assert.equal("accepted", result.metadata.cases[1].verdict)
    assert.equal("wrong_answer", result.metadata.cases[2].verdict)
    assert.equal("accepted", result.metadata.cases[3].verdict)
  end)

  it("runs several calls at a time in one sandbox, each in a folder of its own", function()
    local sandbox <close> = assert(enclave.sandbox{ image = support.image,
      languages = { folder.path } })
    local calls = {}
    for i = 1, 4 do
      calls[i] = function()
        return sandbox:execute_tool("multi_code_executor", { language = "stamp",
          folder = "call" .. i, code = "call" .. i })
      end
    end
    for i, entry in ipairs(assert(enclave.gather(calls))) do
      assert.is_true(entry.ok)
      assert.matches("call" .. i, entry.value.output, 1, true)
    end
  end)

  it("ends when its task is cancelled, and its sandbox serves the next", function()
    local call = pool("cancel", {})
    for _, parameters in ipairs({
      { language = "python", code = "while True: pass" },
      { language = "python", code = "while True: pass", cases = { {}, {}, {} } } }) do
      local task = core.spawn(function()
        return manager:execute_tool_in_pool("multi_code_executor", parameters,
          { pool = "cancel" })
      end)
      core.sleep(0.3)
      local started = core.now()
      task:cancel()
      local _, err = task:join()
      assert.equal("cancelled", err.code)
      assert.is_true(core.now() - started < 10)
      assert.equal("next\n", call{ language = "python", code = "print('next')" }.output)
    end
  end)

  it("has verdicts also when a case takes all processes", function()
    local call = pool("bomb", { cpu_limit = 2, pids_limit = 64 })
    local cases = call{ language = "python", run_timeout = 3, code = [[
import os
while input() == "fork":
    while True:
        try:
            os.fork()
        except OSError:
            pass
print("fine")]], cases = { { stdin = "fork" }, { stdin = "fine", expected = "fine" },
      { stdin = "fine" }, { stdin = "fine" }, { stdin = "fine" } } }.metadata.cases
    assert.equal("time_limit", cases[1].verdict)
    -- One that cannot be ended in time costs the sandbox; beside it others may take long.
    local possible = { accepted = true, not_run = true, time_limit = true }
    for i = 2, 5 do
      assert.is_true(possible[cases[i].verdict], cases[i].verdict)
    end
  end)

  it("tells a sandbox that dies under it", function()
    pool("dies", {})
    local task = core.spawn(function()
      return manager:execute_tool_in_pool("multi_code_executor", { language = "python",
        code = "import time; time.sleep(60)", cases = { {}, {} } }, { pool = "dies" })
    end)
    local busy = support.eventually(function()
      return manager:list_sandboxes("busy")[1]
    end, "a busy sandbox")
    support.docker("kill " .. support.container_of(manager, busy.id))
    local _, none, err = task:join()
    assert.is_nil(none)
    assert.equal("lost", err.code)
  end)
end)
