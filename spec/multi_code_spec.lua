-- multi_code_executor on a small image: what it takes and refuses, what it answers, cases and
-- their verdicts. Every language on an image of its own: multi_code_languages_spec.lua.
local enclave = require "enclave"
local support = require "spec.support"

describe("multi_code_executor", function()
  local manager
  setup(function()
    manager = assert(enclave.manager())
    assert(manager:initialize_pool{ pool_size = 1,
      config = { image = support.image, cpu_limit = 2 } })
  end)
  teardown(function()
    manager:close()
  end)

  local function call(parameters)
    return manager:execute_tool_in_pool("multi_code_executor", parameters)
  end
  local function fine(parameters)
    local result = assert(call(parameters))
    assert.equal("success", result.status, result.error)
    return result
  end
  local function refused(parameters, ...)
    local none, err = call(parameters)
    assert.is_nil(none)
    assert.equal("invalid", err.code)
    for _, words in ipairs({ ... }) do
      assert.matches(words, err.message, 1, true)
    end
  end

  it("runs a program with input, arguments, environment and files in folders", function()
    local result = fine{ language = "python", stdin = "in", args = { "one", "two" },
      env = { GREETING = "hello" }, files = { ["lib/words.py"] = "word = 'lib'\n",
        ["data/./deep//x.bin"] = { base64 = "AP8=" } },
      code = [[
import os, sys
from lib.words import word
print(sys.stdin.read(), sys.argv[1:], os.environ["GREETING"], word, os.getcwd())
print(open("data/deep/x.bin", "rb").read())]] }
    assert.equal("in ['one', 'two'] hello lib /sandbox\nb'\\x00\\xff'\n", result.output)
    assert.equal("python", result.metadata.language)
    assert.is_nil(result.metadata.build)
    local run = result.metadata.run
    assert.equal("success", run.status)
    assert.equal(0, run.exit_code)
    assert.equal(result.output, run.stdout)
    assert.is_true(run.time > 0)
  end)

  it("knows languages by their aliases, in capitals too", function()
    for _, name in ipairs({ "python", "py", "Python3", "PYTHON" }) do
      assert.equal("python", fine{ language = name, code = "" }.metadata.language)
    end
  end)

  it("takes the main file out of files", function()
    assert.equal("main\n", fine{ language = "python",
      files = { ["main.py"] = "print('main')", ["other.py"] = "" } }.output)
    assert.equal("only\n", fine{ language = "python",
      files = { ["only.py"] = "print('only')", ["data.txt"] = "" } }.output)
    assert.equal("told\n", fine{ language = "python", file = "sub/b.py",
      files = { ["a.py"] = "", ["sub/b.py"] = "print('told')" } }.output)
    assert.equal("sub/named.py\n", fine{ language = "python", file = "sub/named.py",
      code = "import os; print(os.path.relpath(__file__))" }.output)
    refused({ language = "python" }, "parameters.code", "main.py")
    refused({ language = "python", files = { ["a.py"] = "", ["b.py"] = "" } }, "main.py")
    refused({ language = "python", code = "", files = { ["main.py"] = "" } }, "main.py")
  end)

  it("refuses names that lead out of the work folder", function()
    for name, why in pairs({ ["../x"] = '".."', ["a/../../x"] = '".."', ["a/.."] = '".."',
      ["/etc/x"] = "absolute", ["a/"] = "folder", ["."] = "name of a file", ["a\0b"] = "zero" }) do
      local shown = name:gsub("%z", "\\0")
      refused({ language = "python", code = "", files = { [name] = "" } }, "parameters.files",
        shown, why)
    end
    refused({ language = "python", code = "", file = "../main.py" }, "parameters.file", "..")
    refused({ language = "python", code = "", folder = "/tmp" }, "parameters.folder", "absolute")
    refused({ language = "python", code = "", files = { a = "", ["a/b"] = "" } }, '"a"', '"a/b"')
    refused({ language = "python", code = "", files = { ["a/b"] = "", ["a//b"] = "" } }, "twice")
    refused({ language = "python", code = "", files = { a = { base64 = "*" } } }, "base64")
    refused({ language = "python", code = "", cases = { {}, { files = { ["../x"] = "" } } } },
      "parameters.cases[2].files", "..")
  end)

  it("says which language it does not know, and what an image lacks", function()
    refused({ language = "pyton", code = "" }, '"pyton"', 'did you mean "python"?', "verilog")
    local result = assert(call{ language = "lean", code = "" })
    assert.equal("error", result.status)
    assert.matches("lean needs lean, which this image lacks; languages of this image: ",
      result.error, 1, true)
    assert.same({ "lean" }, result.metadata.missing)
    assert.is_truthy(table.concat(result.metadata.languages, " "):find("python", 1, true))
  end)

  it("works in a folder of the work folder", function()
    local result = fine{ language = "python", folder = "a/b", files = { ["x.txt"] = "there" },
      code = "import os; print(os.getcwd(), open('x.txt').read())" }
    assert.equal("/sandbox/a/b there\n", result.output)
  end)

  it("tells failures, signals, time and output limits apart", function()
    local result = assert(call{ language = "python", code = "print('x', flush=True); 1/0" })
    assert.equal("error", result.status)
    assert.equal("x\n", result.output)
    assert.matches("ZeroDivisionError", result.error, 1, true)
    assert.equal(1, result.metadata.run.exit_code)
    result = assert(call{ language = "python", code = "import os; os.kill(os.getpid(), 11)" })
    assert.equal("SEGV", (result.metadata.run.signal:gsub("^SIG", "")))
    result = assert(call{ language = "python", run_timeout = 0.5,
      code = "print('x', flush=True)\nwhile True: pass" })
    assert.equal("timeout", result.status)
    assert.equal("x\n", result.output)
    for _, seconds in ipairs({ 0.3, 1 }) do
      result = assert(call{ language = "python", cpu_timeout = seconds, run_timeout = 20, code =
        "import time\nwhile time.process_time() < 0.5 or " .. seconds .. " > 0.5: pass" })
      assert.equal("timeout", result.status)
      assert.equal("cpu", result.metadata.run.limit)
      assert.is_truthy(result.error)
    end
    result = fine{ language = "python", code = "print('x' * 1000)", output_limit = 100 }
    assert.is_true(result.metadata.run.truncated)
  end)

  it("keeps memory limits", function()
    for _, code in ipairs({ "x = b'x' * (200 << 20)", "x = b'x' * (4 << 30)",
      "x = b'x' * (200 << 20); raise SystemExit(3)" }) do
      local result = assert(call{ language = "python", code = code, memory_limit = "64m" })
      assert.equal("error", result.status)
      assert.equal("memory", result.metadata.run.limit)
    end
    fine{ language = "python", code = "x = b'x' * (20 << 20)", memory_limit = "64m" }
    refused({ language = "python", code = "", memory_limit = "many" }, "memory_limit", "many")
    refused({ language = "python", code = "", memory_limit = 5 }, "memory_limit", "5")
  end)

  describe("cases", function()
    local function verdicts(result)
      local list = {}
      for i, case in ipairs(result.metadata.cases) do
        list[i] = case.verdict
        assert.equal(i, case.index)
      end
      return list
    end

    it("get a verdict each", function()
      local result = assert(call{ language = "python", run_timeout = 4, memory_limit = "64m",
        output_limit = 1000, code = [[
import sys, time
what = sys.stdin.read().strip()
if what == "sleep":
    time.sleep(60)
elif what == "memory":
    x = b"x" * (96 << 20)
elif what == "fail":
    sys.exit(3)
elif what == "much":
    print("y" * 100000)
elif what == "spin":
    while True: pass
print("got", what)]],
        cases = { { stdin = "a", expected = "got a" }, { stdin = "b", expected = "got c" },
          { stdin = "sleep", expected = "" }, { stdin = "memory", expected = "" },
          { stdin = "fail", expected = "" }, { stdin = "much", expected = "y" },
          { stdin = "no expectation" }, { stdin = "fail" } } })
      assert.same({ "accepted", "wrong_answer", "time_limit", "memory_limit", "runtime_error",
        "output_limit", "accepted", "runtime_error" }, verdicts(result))
      assert.equal("error", result.status)
      assert.equal("2 of 8 accepted\n", result.output)
      assert.equal('case 2: wrong answer: line 1, column 5: expected "got c", got "got b"',
        result.error)
      local metadata = result.metadata
      assert.equal("wrong_answer", metadata.verdict)
      assert.equal(2, metadata.accepted)
      assert.equal(8, metadata.total)
      local cases = metadata.cases
      assert.equal("got no expectation\n", cases[7].stdout)
      assert.equal(3, cases[5].exit_code)
      assert.is_true(cases[4].memory > 64 << 20)
      assert.is_true(cases[3].time >= 4 and cases[3].cpu < 4)
      for i = 1, 8 do
        assert.is_true(cases[i].time > 0 and cases[i].cpu > 0 and cases[i].memory > 0)
      end
    end)

    it("count processor time apart from time", function()
      local result = assert(call{ language = "python", run_timeout = 20, cpu_timeout = 0.4,
        code = "import time\nif input() == 'spin':\n  while True: pass\ntime.sleep(0.6)",
        cases = { { stdin = "sleep" }, { stdin = "spin" } } })
      assert.same({ "accepted", "time_limit" }, verdicts(result))
    end)

    it("stop at the first that fails, on request", function()
      local result = assert(call{ language = "python", stop_on_failure = true, parallel = 1,
        code = "print(input())", cases = { { stdin = "1", expected = "1" },
          { stdin = "2", expected = "x" }, { stdin = "3", expected = "3" } } })
      assert.same({ "accepted", "wrong_answer", "not_run" }, verdicts(result))
    end)

    it("have arguments and files of their own, and see those of the call", function()
      local result = fine{ language = "python", args = { "all" },
        files = { ["in/shared.txt"] = "shared", ["in/own.txt"] = "of the call", ["top"] = "top" },
        code = [[
import sys
print(sys.argv[1], open("in/own.txt").read(), open("in/shared.txt").read(), open("top").read())
open("out.txt", "x")]],
        cases = { { expected = "all of the call shared top" },
          { args = { "one" }, files = { ["in/own.txt"] = "first" },
            expected = "one first shared top" },
          { files = { ["in/own.txt"] = "second", extra = "" },
            expected = "all second shared top" } } }
      assert.equal("3 of 3 accepted\n", result.output)
    end)

    it("run at the same time, as many as the sandbox has processors", function()
      local cases = {}
      for i = 1, 4 do
        cases[i] = { stdin = "" }
      end
      local result = fine{ language = "python", cases = cases, code = [[
import os, time
open("/tmp/busy%d" % os.getpid(), "w").close()
time.sleep(1)
print(len([f for f in os.listdir("/tmp") if f.startswith("busy")]))]] }
      local most = 0
      for _, case in ipairs(result.metadata.cases) do
        most = math.max(most, tonumber(case.stdout))
      end
      assert.equal(2, most)
    end)

    it("are compared as was asked", function()
      local function verdict(expected, output, how, tolerance)
        return assert(call{ language = "python", compare = how, tolerance = tolerance,
          code = "import sys; sys.stdout.write(sys.stdin.read())",
          cases = { { stdin = output, expected = expected } } }).metadata.verdict
      end
      assert.equal("accepted", verdict("a\nb\n", "a  \r\nb\n\n"))
      assert.equal("wrong_answer", verdict("a\nb\n", "a  \nb\n", "exact"))
      assert.equal("accepted", verdict("1 2\n3", "1\n2   3", "tokens"))
      assert.equal("accepted", verdict("x 0.3333333", "x 0.33333335", nil, 1e-6))
      assert.equal("wrong_answer", verdict("x 0.3333333", "x 0.334", nil, 1e-6))
    end)
  end)
end)
