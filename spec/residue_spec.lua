-- Every way that could be thought of in which one borrower could reach or leave something for the
-- next: tried in a pool of one sandbox, and then looked for.
local enclave = require "enclave"
local support = require "spec.support"
local residue = require "spec.residue"

local scan, reaching = residue.scan, residue.reaching
local leaving, leaving_python = residue.leaving, residue.leaving_python

for _, case in ipairs({
  { user = "65534:65534", isolation = "reset" },
  { user = "root", isolation = "reset" },
  { user = "65534:65534", isolation = "namespaces" },
  { user = "root", isolation = "namespaces", reaches_only = true },
}) do
  local confined = case.isolation == "reset" -- by Docker's default seccomp profile
  describe(("nothing is left, user %s, isolation %s"):format(case.user, case.isolation), function()
    local manager, clean
    local function run(tool, parameter, source)
      return assert(manager:execute_tool_in_pool(tool, { [parameter] = source,
        timeout = source:find("os.fork() == 0: os.setsid()", 1, true) and 2 or 20 }, 120))
    end
    local function look()
      local result = run("python_executor", "code", scan)
      assert.equal("success", result.status, result.error)
      return result
    end
    setup(function()
      manager = assert(enclave.manager())
      assert(manager:initialize_pool{ pool_size = 1, config = { image = support.image,
        user = case.user, security_opt = not confined and { "seccomp=unconfined" } or nil,
        pids_limit = 64, tmpfs = { ["/tmp"] = "size=64m", ["/sandbox"] = "size=64m" } } })
      clean = look().output
    end)
    teardown(function()
      manager:close()
    end)

    local function leaves_nothing(tool, parameter, source)
      local told = run(tool, parameter, source).error or ""
      assert.is_nil(told:find("yntax", 1, true) or told:find("Traceback", 1, true), told)
      assert.equal(clean, look().output)
      assert.equal("fine\n", run("shell_executor", "command", "echo fine").output)
      assert.equal(clean, look().output)
    end
    for what, source in pairs(case.reaches_only and {} or leaving) do
      it("of " .. what, function()
        leaves_nothing("shell_executor", "command", source)
      end)
    end
    for what, source in pairs(case.reaches_only and {} or leaving_python) do
      it("of " .. what, function()
        leaves_nothing("python_executor", "code", source)
      end)
    end

    it("when the agent, its server and their files are reached for", function()
      local result = run("python_executor", "code",
        ("confined = %s\n"):format(confined and "True" or "False") .. reaching)
      assert.equal("[]\n", result.output, result.error)
      assert.equal(clean, look().output)
    end)

    it("and what was found is told", function()
      local before = manager:get_stats().totals
      run("python_executor", "code", leaving_python["System V and POSIX objects"])
      run("shell_executor", "command", "seq 1 100 | xargs touch")
      local result = look()
      local reset = result.metadata.last_reset
      assert.equal("number", type(reset.processes)) -- most of them end with their run
      assert.is_true(reset.files >= 100)
      assert.is_true(reset.seconds > 0)
      assert.equal(reset.seconds, result.metadata.phases.reset)
      local totals = manager:get_stats().totals
      local found = totals.found
      if confined then
        assert.is_true(found.ipc - before.found.ipc >= 60)
      end
      assert.is_true(found.files - before.found.files >= 100)
      assert.is_true(found.processes >= before.found.processes)
      assert.equal(case.isolation, result.metadata.isolation)
      assert.is_true(totals.isolation[case.isolation] - before.isolation[case.isolation] >= 2)
      assert.equal(0, totals.isolation[confined and "namespaces" or "reset"])
    end)
  end)
end

-- The same eyes in a sandbox that is not cleaned: they must see.
describe("what is left without a reset", function()
  local manager <const> = assert(enclave.manager())
  teardown(function()
    manager:close()
  end)
  for _, what in ipairs({ "files with odd names and modes", "deep and long names", "a full disk",
    "shell start-up files", "poisoned imports", "System V and POSIX objects",
    "access lists and attributes", "connections that have just ended",
    "more attributes than are read at a time", "flags of folders" }) do
    it("is seen: " .. what, function()
      assert(manager:initialize_pool{ pool_size = 1, name = what, config = { image = support.image,
        reuse = "keep", user = "root", tmpfs = { ["/tmp"] = "size=64m" } } })
      local function run(tool, parameters)
        return assert(manager:execute_tool_in_pool(tool, parameters, { pool = what, timeout = 60 }))
      end
      local before = run("python_executor", { code = scan }).output
      if leaving[what] then
        run("shell_executor", { command = leaving[what] })
      else
        run("python_executor", { code = leaving_python[what] })
      end
      assert.not_equal(before, run("python_executor", { code = scan }).output)
      manager:close_pool(what)
    end)
  end
end)
