-- The routes that graders of code speak, SandboxFusion's and Piston's, on an image with compilers.
local json = require "enclave.json"
local server_process = require "spec.server_process"
local support = require "spec.support"

local image = os.getenv("ENCLAVE_LANGUAGES_IMAGE") or support.image
local sum = "print(sum(map(int, input().split())))"
local hello_cpp = '#include <cstdio>\nint main() { std::puts("hello"); return 3; }'

describe("graders", function()
  local server
  setup(function()
    server = server_process.start("", "return { policy = { max_timeout = 20 } }")
    assert.equal(200, (server:post("/pool/initialize?pool_size=2", { image = image })))
    assert.equal(200, (server:post("/pool/initialize?pool_size=1&pool=full&max_waiters=1",
      { image = image })))
  end)
  teardown(function()
    server:stop()
  end)

  describe("that speak SandboxFusion", function()
    local function run_code(given, query)
      return server:post("/run_code" .. (query or ""), given)
    end

    it("have a program run, in no more time than the operator allows", function()
      local status, answer = run_code{ code = sum, language = "python", stdin = "1 2 3\n",
        run_timeout = 600.0, compile_timeout = 10, memory_limit_MB = -1, files = {},
        fetch_files = {} }
      assert.equal(200, status)
      assert.is_number(answer.run_result.execution_time)
      answer.run_result.execution_time = nil
      assert.same({ status = "Success", message = "", compile_result = json.null,
        executor_pod_name = json.null, files = {}, run_result = { status = "Finished",
          return_code = 0, stdout = "6\n", stderr = "" } }, answer)
    end)

    it("are told of a build and a run, an exit code, a signal, a time limit", function()
      local _, answer = run_code{ code = hello_cpp, language = "cpp", stdin = json.null }
      assert.same({ "Failed", "Finished", 0, "Finished", 3, "hello\n" }, { answer.status,
        answer.compile_result.status, answer.compile_result.return_code,
        answer.run_result.status, answer.run_result.return_code, answer.run_result.stdout })
      _, answer = run_code{ code = "int main( {", language = "c++" }
      assert.same({ "Failed", "Finished", 1, json.null, "" }, { answer.status,
        answer.compile_result.status, answer.compile_result.return_code, answer.run_result,
        answer.compile_result.stdout })
      assert.matches("error", answer.compile_result.stderr)
      _, answer = run_code{ code = "kill -SEGV $$", language = "bash" }
      assert.same({ "Failed", "Finished", -11 }, { answer.status, answer.run_result.status,
        answer.run_result.return_code })
      _, answer = run_code{ code = "print('so far', flush=True)\nwhile True: pass",
        language = "python", run_timeout = 0.5 }
      assert.same({ "Failed", "TimeLimitExceeded", json.null, "so far\n" }, { answer.status,
        answer.run_result.status, answer.run_result.return_code, answer.run_result.stdout })
    end)

    it("are told of a memory limit, also when the program ended well", function()
      local _, answer = run_code{ code = "x = bytearray(200 << 20)", language = "python",
        memory_limit_MB = 64 }
      assert.same({ "Failed", "memory limit", 0 }, { answer.status, answer.message,
        answer.run_result.return_code })
    end)

    it("send files and fetch files", function()
      local _, answer = run_code{ language = "python", code = "import os\n"
        .. "open('out.bin', 'wb').write(open('d/in.bin', 'rb').read() + b'\\xff')\n"
        .. "print(os.path.exists('none'))", files = { ["d/in.bin"] = "AAE=", none = json.null },
        fetch_files = { "out.bin", "missing" } }
      assert.equal("False\n", answer.run_result.stdout)
      assert.same({ ["out.bin"] = "AAH/" }, answer.files)
    end)

    it("have 422 for what is wrong, 504 for what is to be tried again", function()
      for field, given in pairs{ ["body.code"] = { language = "python" },
        ["body.run_timeout"] = { code = "", language = "python", run_timeout = -1 },
        ["parameters.language"] = { code = "", language = "cobol85" },
        ["parameters.files"] = { code = "", language = "python", files = { ["../x"] = "" } },
        ["no pool \"other\""] = { code = "", language = "python", query = "?pool=other" } } do
        local status, answer = run_code(given, given.query)
        assert.equal(422, status, field)
        assert.matches(field, answer.detail, 1, true)
      end
      local slow = { code = "sleep 60", language = "bash" }
      local command = ("curl -s -o %s/out -H 'Content-Type: application/json' -d %s"
        .. " '%s/run_code?pool=full' & echo $!"):format(server.folder.path,
        server_process.quote(json.encode(slow)), server.url)
      local pids = {}
      for i = 1, 2 do
        local pipe = assert(io.popen(command))
        pids[i] = pipe:read("l")
        pipe:close()
      end
      support.eventually(function()
        local _, stats = server:curl("/stats")
        local full = stats.pools.full
        return full.busy == 1 and full.waiting == 1
      end, "one runs and one waits")
      local status, answer = run_code(slow, "?pool=full")
      assert.same({ 504, "exhausted" }, { status, answer.code })
      os.execute("kill " .. table.concat(pids, " "))
    end)

    it("are told that a language is not in the image", function()
      local status, answer = run_code{ code = "main = 1", language = "lean" }
      assert.same({ 200, "SandboxError", json.null }, { status, answer.status,
        answer.run_result })
      assert.matches("lean needs", answer.message)
    end)

    it("ask whether it is there", function()
      local status, answer = server:curl("/v1/ping")
      assert.same({ 200, "pong" }, { status, answer })
    end)
  end)

  describe("that speak Piston", function()
    local function execute(given)
      return server:post("/api/v2/execute", given)
    end

    it("have a program run", function()
      local status, answer = execute{ language = "py", version = "*", files = {
        { name = "main.py", content = "import sys, lib\nprint(sys.argv[1:], lib.x, input())" },
        { name = "lib.py", content = "78203d2037", encoding = "hex" } }, stdin = "in",
        args = { "a", "b c" }, run_timeout = 5000, compile_memory_limit = -1,
        run_memory_limit = -1 }
      assert.equal(200, status)
      assert.matches("^3%.%d+%.%d+$", answer.version)
      local run = answer.run
      assert.same({ "python", "['a', 'b c'] 7 in\n", "", "['a', 'b c'] 7 in\n", 0, json.null,
        json.null, json.null }, { answer.language, run.stdout, run.stderr, run.output, run.code,
        run.signal, run.status, run.message })
      assert.is_true(run.cpu_time >= 0 and run.wall_time > 0 and run.memory > 0)
      assert.is_nil(answer.compile)
    end)

    it("are told of builds, codes, signals, limits", function()
      local function of(language, code, more)
        local given = { language = language, version = "*", files = { { content = code } } }
        for name, value in pairs(more or {}) do
          given[name] = value
        end
        local status, answer = execute(given)
        assert.equal(200, status)
        return answer
      end
      local answer = of("c++", hello_cpp)
      assert.same({ 0, 3, "RE", "hello\n" }, { answer.compile.code, answer.run.code,
        answer.run.status, answer.run.stdout })
      answer = of("cpp", "int main( {")
      assert.same({ 1, 1, "RE" }, { answer.compile.code, answer.run.code, answer.run.status })
      answer = of("bash", "kill -SEGV $$")
      assert.same({ json.null, "SIGSEGV", "SG" }, { answer.run.code, answer.run.signal,
        answer.run.status })
      answer = of("bash", "echo so far; sleep 20", { run_timeout = 500 })
      assert.same({ json.null, "SIGKILL", "TO", "so far\n" }, { answer.run.code,
        answer.run.signal, answer.run.status, answer.run.stdout })
      answer = of("python", "print('x' * 3000000)")
      assert.equal("OL", answer.run.status)
    end)

    it("list the runtimes, and ask for one by its version", function()
      local status, list = server:curl("/api/v2/runtimes")
      assert.equal(200, status)
      local versions = {}
      for _, runtime in ipairs(list) do
        assert.matches("^%d+%.%d+%.%d+", runtime.version)
        assert.is_table(runtime.aliases)
        versions[runtime.language] = runtime.version
      end
      local major, minor = versions.python:match("^(%d+)%.(%d+)")
      local files = { { content = "print(1)" } }
      for _, version in ipairs({ versions.python, major, major .. ".x", major .. "." .. minor }) do
        status = execute{ language = "python", version = version, files = files }
        assert.equal(200, status, version)
      end
      local answer
      status, answer = execute{ language = "python", version = "2.7", files = files }
      assert.same({ 400, "python-2.7 runtime is unknown" }, { status, answer.message })
    end)

    it("have 400 and a message for what is wrong", function()
      local file = { content = "1" }
      for field, given in pairs{
        ["body.version"] = { language = "python", files = { file } },
        ["body.files"] = { language = "python", version = "*", files = json.array() },
        ["body.files[1].content"] = { language = "python", version = "*", files = { {} } },
        ["expected pairs"] = { language = "python", version = "*", files = {
          { content = "0", encoding = "hex" } } },
        ["encoding utf8"] = { language = "python", version = "*", files = {
          { content = "MQ==", encoding = "base64" } } },
        ["brainless-1 runtime is unknown"] = { language = "brainless", version = "1",
          files = { file } },
        ["lean-* runtime is unknown"] = { language = "lean", version = "*", files = { file } },
        ["not a JSON object"] = "[" } do
        local status, answer = execute(given)
        assert.equal(400, status, field)
        assert.matches(field, answer.message, 1, true)
      end
    end)
  end)
end)
