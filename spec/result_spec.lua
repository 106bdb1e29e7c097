local core = require "enclave.core"
local result = require "enclave.result"

local facts = { sandbox_id = "s1", wait = 0.5, run = 0.25 }

local function run(fields)
  local value = { status = "exited", exit_code = 0, stdout = "", stderr = "", stdout_total = 0,
    stderr_total = 0, truncated = false, wall = 0.1, user = 0.01, system = 0.02,
    peak_memory = 1024, oom_killed = false, warm = true, isolation = "reset" }
  for key, field in pairs(fields) do
    value[key] = field
  end
  return value
end

local function build(returned, failure)
  return result.build("a_tool", returned, failure, facts)
end

describe("result", function()
  it("of a program that went well", function()
    local got = build(run({ stdout = "hi\n" }))
    assert.equal("a_tool", got.tool_name)
    assert.equal("success", got.status)
    assert.equal("hi\n", got.output)
    assert.is_nil(got.error)
    assert.equal(0.25, got.execution_time)
    assert.equal("s1", got.metadata.sandbox_id)
    assert.same({ wait = 0.5, run = 0.25 }, got.metadata.phases)
    assert.equal(0, got.metadata.exit_code)
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", got.timestamp)
  end)

  it("shows stderr also when it went well", function()
    local got = build(run({ stderr = "careful\n" }))
    assert.equal("success", got.status)
    assert.equal("careful\n", got.error)
  end)

  it("of a program that failed: what it wrote, else its exit code", function()
    local got = build(run({ exit_code = 3 }))
    assert.equal("error", got.status)
    assert.equal("exit code 3", got.error)
    assert.equal("oops", build(run({ exit_code = 3, stderr = "oops" })).error)
  end)

  it("of a killed one: the signal's name and the limit", function()
    local got = build(run({ status = "signaled", exit_code = false, signal = 9, limit = "memory",
      stderr = "last words" }))
    assert.equal("error", got.status)
    assert.equal("last words\nkilled by signal SIGKILL (9): memory limit", got.error)
    assert.equal("SIGKILL", got.metadata.signal)
    assert.equal("memory", got.metadata.limit)
  end)

  it("of a timeout keeps what came", function()
    local got = build(run({ status = "timeout", stdout = "partial", wall = 2.003,
      limit = "time" }))
    assert.equal("timeout", got.status)
    assert.equal("partial", got.output)
    assert.equal("timed out after 2 s", got.error)
  end)

  it("of tables, strings and nothing", function()
    assert.equal("text", build("text").output)
    local lines = {}
    core.configure{ log_level = "warn", on_log = function(_, line)
      lines[#lines + 1] = line
    end }
    assert.equal("success", build(nil).status)
    core.sleep(0)
    core.configure{ on_log = function() end }
    assert.same({ 'tool a_tool returned nothing, which is taken for ""; is a return missing?' },
      lines)
    local got = build({ output = "x", error = "y", metadata = { a = 1 } })
    assert.equal("error", got.status)
    assert.equal("y", got.error)
    assert.equal(1, got.metadata.a)
    assert.equal("s1", got.metadata.sandbox_id)
    assert.equal("timeout", build({ status = "timeout" }).status)
  end)

  it("tells a tool's failure from a failed call", function()
    local got = build(nil, "no luck")
    assert.equal("error", got.status)
    assert.equal("no luck", got.error)
    local none, err = build(nil, core.error("lost", "gone"))
    assert.is_nil(none)
    assert.equal("lost", err.code)
  end)

  it("says what a tool must not return", function()
    local _, unknown = build({ ouput = "x" })
    assert.equal('tool a_tool returned ouput: unknown field; did you mean "output"?',
      unknown.message)
    for _, bad in ipairs({ 5, { stdout = "x" }, { status = "fine" }, { output = 5 },
      { metadata = "x" } }) do
      local got, err = build(bad)
      assert.is_nil(got)
      assert.equal("internal", err.code)
      assert.matches("a_tool returned", err.message, 1, true)
    end
  end)

  it("writes times with fractions", function()
    assert.equal("1970-01-01T00:00:01.500Z", result.timestamp(1.5))
  end)
end)
