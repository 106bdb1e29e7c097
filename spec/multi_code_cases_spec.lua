-- Cases of multi_code_executor against each other and against their verdicts: what a hostile or
-- careless program does in one must not show in the next. With a small language that is built.
local base64 = require "enclave.base64"
local enclave = require "enclave"
local support = require "spec.support"

-- Its build copies the program; PLANT is a command of the build that goes on.
local shell = [=[
return {
  name = "shell", file = "main.in", programs = { "sh" }, artifacts = { "main" },
  build = { "sh", "-c", "eval \"$PLANT\"; cat main.in > main; chmod 755 main" },
  run = { "{folder}/main" },
}]=]

-- Does its worst, then looks for what others left.
local hostile = [[
import glob, os, sys, time
what = sys.stdin.read()
root = os.path.dirname(os.path.abspath(__file__))
def attempt(call, *args):
    try:
        call(*args)
    except OSError:
        pass
def write(path):
    with open(path, "w") as file:
        file.write("print('accepted')\n")
if what == "attack":
    write("left.txt")
    write("given.txt")
    os.makedirs("deep/er")
    os.chmod("deep", 0)
    for path in [__file__, root + "/main", root + "/left.txt", "/tmp/left.txt", "/tmp/.left",
                 "/var/tmp/left.txt", "/dev/shm/left.txt", "main.py"]:
        attempt(write, path)
    attempt(os.remove, __file__)
    attempt(os.rename, root, root + ".away")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for fd in range(3):
                os.close(fd)
            while True:
                attempt(write, root + "/daemon.txt")
                attempt(write, "/tmp/daemon.txt")
                for folder in glob.glob(root + "/.cases/*"):
                    attempt(write, folder + "/daemon.txt")
                time.sleep(0.001)
        os._exit(0)
    time.sleep(0.1)
print(open("given.txt").read(), sorted(os.listdir(".")))
patterns = [root + "/left*", root + "/daemon*", "*/daemon*", root + "/.cases/*",
            "/proc/[0-9]*/cwd/given.txt"]
if "alone" in sys.argv: # what runs at the same time shares these
    patterns += ["/tmp/*", "/tmp/.l*", "/var/tmp/*", "/dev/shm/*"]
if what != "attack":
    print([each for pattern in patterns for each in glob.glob(pattern)
           if "/%d/" % os.getpid() not in each])
]]

describe("cases", function()
  local folder, manager
  setup(function()
    folder = support.folder()
    folder:write("shell.lua", shell)
    manager = assert(enclave.manager{ languages = { folder.path } })
    assert(manager:initialize_pool{ pool_size = 1,
      config = { image = support.image, memory_limit = "192m" } })
    assert(manager:initialize_pool{ pool_size = 1, name = "wide",
      config = { image = support.image, cpu_limit = 2 } })
  end)
  teardown(function()
    manager:close()
    folder:remove()
  end)

  local function judged(parameters, pool)
    local result = assert(manager:execute_tool_in_pool("multi_code_executor", parameters,
      { pool = pool }))
    local list = {}
    for i, case in ipairs(result.metadata.cases or {}) do
      list[i] = case.verdict
    end
    return list, result
  end
  local function cases_of(words, expected)
    local list = {}
    for word in words:gmatch("%S+") do
      list[#list + 1] = { stdin = word, expected = expected and expected[word] }
    end
    return list
  end

  local attacks = { language = "python", code = hostile, args = { "alone" },
    files = { ["given.txt"] = "as given" }, cases = cases_of("look attack look attack look look", {
      look = "as given ['given.txt', 'main.py']\n[]\n",
      attack = "print('accepted')\n ['deep', 'given.txt', 'left.txt', 'main.py']\n" }) }
  local accepted = { "accepted", "accepted", "accepted", "accepted", "accepted", "accepted" }

  it("find nothing that another left, and cannot change the program", function()
    local verdicts, result = judged(attacks)
    assert.same(accepted, verdicts, result.error)
    attacks.args = {}
    verdicts, result = judged(attacks, "wide")
    assert.same(accepted, verdicts, result.error)
    attacks.args = { "alone" }
    local sandbox <close> = assert(enclave.sandbox{ image = support.image })
    assert(sandbox:put_file("given.txt", "of the session"))
    for _ = 1, 2 do
      local own = assert(sandbox:execute_tool("multi_code_executor", attacks))
      assert.equal("accepted", own.metadata.verdict, own.error)
    end
    assert.equal("as given", assert(sandbox:get_file("given.txt")))
    assert.equal("[]\n", assert(sandbox:run{ interpreter = "python3",
      code = "import glob; print(glob.glob('/tmp/*') + glob.glob('left*'))" }).stdout)
  end)

  it("run what was built, whatever one does to it", function()
    for _, pool in ipairs({ "default", "wide" }) do
      local code = "#!/bin/sh\n# " .. pool .. "\nread x\n[ $x = look ] ||"
        .. " { echo 'echo changed' > $0; rm -f $0; echo 'echo changed' > main; } 2>/dev/null\n"
        .. "cat main\n"
      for _, cached in ipairs({ false, true }) do
        local verdicts, result = judged({ language = "shell", code = code,
          cases = cases_of("attack look attack look", { look = code, attack = code }) }, pool)
        assert.same({ "accepted", "accepted", "accepted", "accepted" }, verdicts, result.error)
        assert.equal(cached, result.metadata.build.cached)
      end
    end
  end)

  it("are not reached by what a build left running", function()
    local verdicts, result = judged({ language = "shell", code = "#!/bin/sh\necho built\n",
      env = { PLANT = "(setsid sh -c 'sleep 0.1; while :; do"
        .. " echo \"echo planted\" > main; done' >/dev/null 2>&1 &)" },
      cases = cases_of("a b", { a = "built", b = "built" }) })
    assert.same({ "accepted", "accepted" }, verdicts, result.error)
  end)

  it("are judged by how they end", function()
    local words = "forever fork sleep gigabyte segfault exit binary deaf nothing leader"
    local verdicts, result = judged({ language = "python", run_timeout = 5, output_limit = 4096,
      code = [[
import os, signal, subprocess, sys, time
what = sys.stdin.read()
if what == "forever":
    while True: print("y" * 1000)
elif what == "fork":
    for i in range(20):
        if os.fork() == 0:
            time.sleep(100)
elif what == "sleep":
    time.sleep(100)
elif what == "gigabyte":
    x = b"x" * (1 << 30)
elif what == "segfault":
    os.kill(os.getpid(), signal.SIGSEGV)
elif what == "exit":
    os._exit(7)
elif what == "binary":
    sys.stdout.buffer.write(bytes(range(256)))
elif what == "deaf":
    for each in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    while True: pass
elif what == "leader":
    subprocess.Popen(["sleep", "100"])
    print("done")
]], cases = cases_of(words, { nothing = "", fork = "", leader = "done\n",
      binary = (function()
        local bytes = {}
        for i = 0, 255 do
          bytes[i + 1] = string.char(i)
        end
        return table.concat(bytes)
      end)() }) })
    assert.same({ "output_limit", "accepted", "time_limit", "memory_limit", "runtime_error",
      "runtime_error", "accepted", "time_limit", "accepted", "accepted" }, verdicts, result.error)
    local cases = result.metadata.cases
    assert.equal("SIGSEGV", cases[5].signal)
    assert.equal(7, cases[6].exit_code)
    assert.is_true(#cases[1].stdout <= 4096)
  end)

  it("are many, large, and in folders", function()
    local list = {}
    for i = 1, 300 do
      list[i] = { stdin = tostring(i), expected = i == 200 and "x" or tostring(i) }
    end
    local verdicts, result = judged({ language = "python", code = "print(input())", cases = list,
      stop_on_failure = true })
    assert.equal("wrong_answer", verdicts[200])
    assert.equal("not_run", verdicts[300])
    assert.equal(199, result.metadata.accepted)
    local large = ("0123456789abcde\n"):rep(655360) -- 10 MiB
    verdicts = judged{ language = "python", code = [[
import hashlib, sys
print(len(sys.stdin.buffer.read()), open("a/b/c.txt").read(), open("-x").read())]],
      cases = { { stdin = large, expected = "10485760 deep dash",
        files = { ["a/b/c.txt"] = "deep", ["-x"] = "dash" } } } }
    assert.same({ "accepted" }, verdicts)
  end)

  it("have their expected output nowhere in the sandbox", function()
    local secret = "unguessable" .. math.random(1 << 40)
    local verdicts = judged{ language = "python", code = [[
import glob, os, subprocess
found = subprocess.run(["grep", "-rlsF", "unguess" + "able", "/tmp", "/sandbox", "/dev/shm",
    "/var/tmp", "/run"], capture_output=True).stdout
for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
    try:
        found += path.encode() if b"unguess" b"able" in open(path, "rb").read() else b""
    except OSError:
        pass
print(found)]], cases = { { expected = "b''" }, { expected = secret } } }
    assert.same({ "accepted", "wrong_answer" }, verdicts)
  end)

  it("go on as another user only where that may look at the program", function()
    local sandbox <close> = assert(enclave.sandbox{ image = support.image })
    assert(sandbox:run{ command = "chmod 700 ." })
    local result = assert(sandbox:execute_tool("multi_code_executor", { language = "python",
      code = "import os; print(os.getuid())", cases = { { expected = "65534" }, {} } }))
    assert.equal("accepted", result.metadata.verdict, result.error)
    local root <close> = assert(enclave.sandbox{ image = support.image, user = "root" })
    result = assert(root:execute_tool("multi_code_executor", { language = "python",
      code = "import os; print(os.getuid())", cases = { { expected = "0" }, {} } }))
    assert.equal("accepted", result.metadata.verdict, result.error)
  end)

  it("of calls at the same time in one sandbox do not meet", function()
    local sandbox <close> = assert(enclave.sandbox{ image = support.image, cpu_limit = 2 })
    local calls = {}
    for i = 1, 3 do
      calls[i] = function()
        return sandbox:execute_tool("multi_code_executor", { language = "python",
          folder = "call" .. i, code = "import time; time.sleep(0.2); print(input())",
          cases = cases_of("a b c", { a = "a", b = "b", c = "c" }) })
      end
    end
    for _, entry in ipairs(assert(enclave.gather(calls))) do
      assert.is_true(entry.ok)
      assert.equal("accepted", entry.value.metadata.verdict, entry.value.error)
    end
  end)

  it("keep bytes that are not text, also through JSON", function()
    local exact = require "enclave.exact"
    local _, result = judged{ language = "python",
      code = "import sys; sys.stdout.buffer.write(b'a\\xff\\x00')", cases = { {} } }
    assert.equal("a\xff\0", result.metadata.cases[1].stdout)
    local sent = enclave.json.decode(enclave.json.encode(exact.add(result)))
    assert.equal("a\u{FFFD}\0", sent.metadata.cases[1].stdout)
    assert.equal("a\xff\0", base64.decode(sent.metadata.cases[1].stdout_base64))
    assert.equal("a\xff\0", exact.take(sent).metadata.cases[1].stdout)
    assert.is_nil(sent.metadata.cases[1].stdout_base64)
  end)
end)
