-- The benchmark itself works: in its tiny form, it measures every row and prints each. What the
-- figures are is not judged here.
local json = require "enclave.json"
local support = require "spec.support"

local interpreter = os.getenv("ENCLAVE_LUA") or "build/enclave-lua"

local function bench(arguments)
  local command = ("env ENCLAVE_IMAGE='%s' '%s' spec/bench/main.lua %s 2>&1"):format(
    support.image, interpreter, arguments)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  return code, output
end

-- What each row must have; baseline: there is something to compare with.
local rows = {
  { key = "python", unit = "ms", baseline = true, must = "<= 1/40", aim = "<= 1/100" },
  { key = "python_one_exec", unit = "ms", baseline = true, must = "-", aim = "-" },
  { key = "python_docker", unit = "ms", program = "docker", must = "-", aim = "-" },
  { key = "python_host", unit = "ms", program = "python3", must = "-", aim = "<= 1/5" },
  { key = "shell", unit = "ms", baseline = true, must = "<= 1/30", aim = "<= 1/60" },
  { key = "shell_docker", unit = "ms", program = "docker", must = "-", aim = "-" },
  { key = "throughput", unit = "/s", baseline = true, must = ">= 30 x", aim = ">= 80 x" },
  { key = "warm_up", unit = "s", baseline = true, must = "<= 1/2", aim = "-" },
  { key = "close", unit = "s", must = "<= 2 s", aim = "-" },
  { key = "memory", unit = "KiB", may_lack = true, must = "<= 300 KiB", aim = "-" },
  { key = "overhead", unit = "µs", must = "<= 50 µs", aim = "-" },
  { key = "tools_load", unit = "ms", must = "<= 15 ms", aim = "-" },
  { key = "tools_validate", unit = "µs", must = "<= 20 µs", aim = "-" },
  { key = "tools_bound", unit = "µs", must = "-", aim = "-" },
  { key = "http_connections", unit = "MiB", must = "<= 64 MiB", aim = "-" },
  { key = "http_call", unit = "ms", may_lack = true, must = "-", aim = "-" },
  { key = "http_added", unit = "ms", may_lack = true, must = "<= 0.3 ms", aim = "-" },
  { key = "http_health", unit = "/s", may_lack = true, must = "-", aim = "-" },
  { key = "http_health_late", unit = "ms", may_lack = true, must = "<= 10 ms", aim = "-" },
  { key = "judge_cases", unit = "ms", may_lack = true, must = "<= 1/10", aim = "-" },
  { key = "judge_again", unit = "ms", may_lack = true, must = "-", aim = "-" },
}

local function check_summary(key, summary)
  assert.is_table(summary, key)
  assert.is_true(summary.n >= 1, key)
  assert.is_true(summary.p50 > 0 and summary.p50 <= summary.p90, key)
end

local function check_row(expected, row)
  local key = expected.key
  assert.equal(key, row.key)
  assert.equal(expected.unit, row.unit, key)
  assert.equal(expected.must, row.must, key)
  assert.truthy(#row.what > 0)
  if row.figure == nil then
    assert.is_true(expected.may_lack, key .. " has no figure")
    assert.matches("not measured here", row.note, 1, true)
    return
  end
  check_summary(key, row.figure)
  if expected.baseline or expected.program and row.baseline then
    assert.equal(expected.aim, row.aim, key)
    check_summary(key, row.baseline)
    local times = row.baseline.p50 / row.figure.p50
    assert.near(key == "throughput" and 1 / times or times, row.times_better, 1e-6)
  elseif expected.program then
    assert.is_nil(io.popen("command -v " .. expected.program):read("l"), key)
    assert.matches("not measured here", row.note, 1, true)
  end
end

describe("the benchmark", function()
  it("measures every row and names the machine", function()
    local code, output = bench("--quick --json")
    assert.equal(0, code, output)
    local report = assert(json.decode(output))
    assert.equal(#rows, #report.rows)
    for i, expected in ipairs(rows) do
      check_row(expected, report.rows[i])
    end
    assert.is_true(report.machine.cores >= 1)
    assert.equal(support.image, report.machine.image)
    for _, field in ipairs({ "cpu", "kernel", "docker" }) do
      assert.truthy(#report.machine[field] > 0, field)
    end
    assert.is_true(report.seconds > 0)
  end)

  it("prints them as one aligned table", function()
    local code, output = bench("--quick")
    assert.equal(0, code, output)
    local lines, first = {}, nil
    for line in output:gmatch("([^\n]*)\n") do
      table.insert(lines, line)
      first = first or line:find("^what ") and #lines
    end
    assert.matches("^machine: %d+ cores?, ", lines[1])
    assert.is_truthy(first, output)
    local column = lines[first]:find("must reach", 1, true)
    assert.is_truthy(lines[first + 1]:find("^[- ]+$"), output)
    for i, row in ipairs(rows) do
      local line = assert(lines[first + 1 + i], output)
      local at = utf8.offset(line, column) -- a column of characters, not of bytes
      assert.equal(row.must, line:sub(at):match("^(.-)  "), line)
    end
    assert.equal("", lines[first + #rows + 2])
  end)

  it("refuses what it does not know", function()
    local code, output = bench("--quik")
    assert.equal(2, code)
    assert.matches("unknown argument --quik", output, 1, true)
  end)
end)
