-- calls.lua - the calls of the callers: each knows when it must be over and what it must give.
local enclave = require "enclave"
local hostile = require "spec.chaos.hostile"

local calls = {}

local codes = { timeout = true, cancelled = true, exhausted = true, unavailable = true,
  docker = true, lost = true, protocol = true }
local statuses = { success = true, error = true, timeout = true, cancelled = true }

local Tally = {}
Tally.__index = Tally

function calls.tally()
  return setmetatable({ calls = 0, kinds = {}, ends = {}, problems = {}, lateness = -math.huge },
    Tally)
end

---Notes a problem unless it is as it must be.
function Tally:expect(fine, ...)
  if not fine and #self.problems < 20 then
    self.problems[#self.problems + 1] = string.format(...)
  end
end

function Tally:count(what, key)
  self[what][key] = (self[what][key] or 0) + 1
end

function calls.print(title, counts)
  local parts = {}
  for key, count in pairs(counts) do
    parts[#parts + 1] = ("%s %d"):format(key, count)
  end
  table.sort(parts)
  print(("%-20s%s"):format(title, table.concat(parts, ", ")))
end

local function word()
  return ("w%08x%08x"):format(math.random(0, 0xffffffff), math.random(0, 0xffffffff))
end

-- Each gives: tool, parameters, what a success must print, and the other status and error code that
-- are right for it; loose: any status is.
local kinds = {}

function kinds.python()
  local mine = word()
  return { tool = "python_executor", output = mine .. "\n",
    parameters = { code = ("print(%q)"):format(mine), timeout = 3 } }
end

function kinds.shell()
  local mine = word()
  return { tool = "shell_executor", output = mine,
    parameters = { command = "printf %s " .. mine, timeout = 3 } }
end

function kinds.alone()
  local mine = word()
  return { tool = "alone", output = mine,
    parameters = { word = mine, seconds = math.random() * 0.2, timeout = 3 } }
end

function kinds.stdin()
  local mine = word():rep(1000)
  return { tool = "shell_executor", output = mine,
    parameters = { command = "cat", stdin = mine, timeout = 3 } }
end

function kinds.files()
  return { tool = "file_operation", run = 3,
    parameters = { operation = "write", file_path = word(), content = word():rep(100) } }
end

function kinds.too_long()
  return { tool = "alone", ends_as = "timeout",
    parameters = { word = word(), seconds = 60, timeout = 0.3 } }
end

function kinds.flood()
  return { tool = "shell_executor",
    parameters = { command = "head -c 3000000 /dev/zero | tr '\\0' x", timeout = 3 } }
end

function kinds.memory()
  return { tool = "python_executor", ends_as = "error",
    parameters = { code = "x = bytearray(400000000)", timeout = 3 } }
end

-- Ways of the tool that are wrong, and those that are strange: what a success gives, or its status.
local wrong = { "throws", "throws_nothing", "throws_unkindly", "loops", "loops_in_coroutines",
  "a_function", "a_number", "a_refusal", "unreadable" }
local strange = { { "a_false_error", ends_as = "error" }, { "nothing", output = "" },
  { "a_cycle", output = "" }, { "much", output = ("x"):rep(1 << 20) } }

function kinds.wrong()
  return { tool = "throws", run = 1, code = "internal", fails = true,
    parameters = { how = wrong[math.random(#wrong)] } }
end

function kinds.strange()
  local way = strange[math.random(#strange)]
  -- What is a result here may have no JSON.
  return { tool = "throws", run = 1, code = "internal", ends_as = way.ends_as,
    output = way.output, parameters = { how = way[1] } }
end

function kinds.cancelled()
  return { tool = "alone", cancel = math.random() * 0.5, ends_as = "cancelled",
    parameters = { word = word(), seconds = 60, timeout = 60 } }
end

for name, make in pairs(hostile) do
  kinds[name] = function()
    return make(word())
  end
end

local names = {}
for name in pairs(kinds) do
  names[#names + 1] = name
end
table.sort(names)

local function judge(tally, name, call, result, err)
  if err then
    tally:count("ends", err.code)
    tally:expect(codes[err.code] or err.code == call.code, "%s: the error %s", name, err)
    return
  end
  tally:count("ends", result.status)
  tally:expect(statuses[result.status], "%s: the status %s", name, result.status)
  if result.status ~= "success" then
    -- A busy machine may take longer than a program was given.
    tally:expect(call.loose or result.status == call.ends_as or result.status == "timeout"
      or result.status == "cancelled", "%s: %s: %s", name, result.status,
      enclave.json.encode(result):sub(1, 600))
  elseif call.ends_as or call.fails then
    tally:expect(false, "%s: success: %s", name, enclave.json.encode(result):sub(1, 600))
  elseif call.output then
    tally:expect(result.output == call.output, "%s: expected %s, got %s", name,
      call.output:sub(1, 100), tostring(result.output):sub(1, 300))
  end
end

-- Waits for the end of a task that must end by the deadline, and judges it.
local function finish(tally, name, call, task, deadline)
  -- A cancelled task has no results; what a task threw is no error of the contract.
  local done, result, err = task:join()
  local past = enclave.now() - deadline
  tally.calls = tally.calls + 1
  tally:count("kinds", name)
  if not done then
    err = result
  end
  if past > tally.lateness then
    tally.lateness, tally.latest = past, ("%s: %s"):format(name, err or result.status)
  end
  judge(tally, name, call, result, err)
end

---One call of a random kind, waited for and judged.
function calls.one(manager, tally)
  local name = names[math.random(#names)]
  local call = kinds[name]()
  local wait = math.random() < 0.2 and 0.1 or 4
  local deadline = enclave.now() + wait + (call.run or call.parameters.timeout)
  local task = enclave.spawn(function()
    return manager:execute_tool_in_pool(call.tool, call.parameters, { timeout = wait })
  end)
  if call.cancel then
    enclave.sleep(call.cancel)
    task:cancel()
    deadline = enclave.now()
  end
  finish(tally, name, call, task, deadline)
end

-- A sandbox of its own, of an image that may have to be pulled, for one run.
local function run_once(host, image, argument)
  local sandbox <close>, err = enclave.sandbox{ docker_host = host, image = image,
    memory_limit = "64m" }
  if not sandbox then
    return nil, err
  end
  local run
  run, err = sandbox:run{ argv = { "/say", argument }, timeout = 3 }
  return run and { status = run.status == "exited" and "success" or run.status,
    output = run.stdout }, err
end

---One such sandbox, waited for up to a deadline, and judged.
function calls.pulled(host, image, tally)
  local mine, patience = word(), 5
  local task = enclave.spawn(run_once, host, image, mine)
  local deadline = enclave.now() + patience
  if not task:join(patience) and task:status() == "running" then
    task:cancel()
  end
  -- An engine that was killed in a pull may say that something of its own is not found.
  finish(tally, "pulled", { output = mine, code = "not_found" }, task, deadline)
end

return calls
