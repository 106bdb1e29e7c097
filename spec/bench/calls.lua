-- Tool calls, against other ways to run the same program in a container: one after another,
-- and by many callers at once.
--
-- The docker exec way is this product's own channel "exec": plain requests to Docker's API over
-- connections that are kept. A Python call is two of Docker's execs, one that puts the file and
-- one that runs it, each created, started and inspected; `PUT /archive` instead of the first
-- takes as long, and cannot write where the work folder is a tmpfs. Its pool does no cleaning
-- between the calls, while ours does.
local enclave = require "enclave"
local machine = require "spec.bench.machine"
local measure = require "spec.bench.measure"

local calls = {}

local code = "print(1+1)"

local function tool(manager, pool, name, parameters, expected)
  return function()
    local result = assert(manager:execute_tool_in_pool(name, parameters, { pool = pool }))
    if result.status ~= "success" or result.output ~= expected then
      error(("%s in the pool %s: %s: %s"):format(name, pool, result.status,
        result.error or result.output), 0)
    end
  end
end

local function host(command, what)
  return function()
    if not os.execute("exec " .. command .. " >/dev/null 2>&1") then
      error(("%s: this failed: %s"):format(what, command), 0)
    end
  end
end

local function pools(manager, options)
  local config = { image = options.image, tools_config = { "python_executor", "shell_executor" } }
  assert(manager:initialize_pool{ name = "agent", pool_size = 4, config = config })
  config.channel, config.reuse = "exec", "keep"
  assert(manager:initialize_pool{ name = "exec", pool_size = 4, config = config })
  local container
  for _, facts in ipairs(manager:list_sandboxes()) do
    local metadata = facts.metadata
    if metadata.pool == "exec" then
      container = metadata.container_id
    elseif metadata.channel ~= "agent" then
      error("the agent does not run in this image; the channel is " .. metadata.channel, 0)
    end
  end
  return assert(container, "no container in the pool")
end

-- The interpreter itself: python3 on the path may be the script of a version manager, which
-- takes several times as long.
local function host_python()
  return machine.output("python3 -c 'import sys; print(sys.executable)'") or "python3"
end

-- The ways that need a program of the host; without it their row says so.
local function optional(ways, missing, program, way)
  if machine.has(program) then
    table.insert(ways, way)
  else
    missing[way.name] = ("not measured here: the host has no %s"):format(program)
  end
end

local function sequential(manager, options, container)
  local ways, missing = {
    { name = "python", times = 10, fn = tool(manager, "agent", "python_executor",
      { code = code }, "2\n") },
    { name = "python by exec", fn = tool(manager, "exec", "python_executor",
      { code = code }, "2\n") },
    { name = "python by one exec", fn = tool(manager, "exec", "shell_executor",
      { command = { "python3", "-c", code } }, "2\n") },
    { name = "shell", times = 10, fn = tool(manager, "agent", "shell_executor",
      { command = "true" }, "") },
    { name = "shell by exec", fn = tool(manager, "exec", "shell_executor",
      { command = "true" }, "") },
  }, {}
  optional(ways, missing, "docker", { name = "python by docker", fn = host(
    ("docker exec %s python3 -c '%s'"):format(container, code), "the docker command") })
  optional(ways, missing, "docker", { name = "shell by docker", fn = host(
    ("docker exec %s sh -c true"):format(container), "the docker command") })
  optional(ways, missing, "python3", { name = "python of the host", times = 3, fn = host(
    ("'%s' -c '%s'"):format(host_python(), code), "the host's Python") })
  return measure.in_turn(options.rounds, ways), missing
end

-- Calls per second; each caller calls so often, one after another.
local function per_second(call, callers, each)
  local jobs = {}
  for i = 1, callers do
    jobs[i] = function()
      for _ = 1, each do
        call()
      end
      return true
    end
  end
  local started = enclave.now()
  local _, err = enclave.gather(jobs)
  if err then
    error(err, 0)
  end
  return callers * each / (enclave.now() - started)
end

local function throughput(manager, options)
  local ours = tool(manager, "agent", "python_executor", { code = code }, "2\n")
  local exec = tool(manager, "exec", "python_executor", { code = code }, "2\n")
  local rates, baseline = {}, {}
  for i = 1, options.bursts do
    rates[i] = per_second(ours, options.callers, options.each)
    enclave.sleep(0.2)
    baseline[i] = per_second(exec, options.callers, 1)
    enclave.sleep(0.2)
  end
  return { key = "throughput", unit = "/s", more_is_better = true,
    what = ("python calls per second, pool of 4, %d callers"):format(options.callers),
    figure = measure.summary(rates), baseline = measure.summary(baseline),
    against = "exec channel, pool of 4, as many callers",
    must = { times = 30 }, aim = { times = 80 } }
end

local function milliseconds(summary)
  return summary and { p50 = summary.p50 * 1e3, p90 = summary.p90 * 1e3, n = summary.n }
end

---@param rows table[] the rows are added to it
---@param options table
function calls.measure(rows, options)
  local manager <close> = assert(enclave.manager())
  local times, missing = sequential(manager, options, pools(manager, options))
  local function row(key, what, of, by, against, must, aim)
    table.insert(rows, { key = key, what = what, unit = "ms", figure = milliseconds(times[of]),
      baseline = milliseconds(times[by]), against = against, must = times[by] and must,
      aim = times[by] and aim, note = missing[by] })
  end
  local python, shell = "python_executor, print(1+1)", "shell_executor, true"
  row("python", python, "python", "python by exec",
    "exec channel: put the file, exec, inspect", { times = 40 }, { times = 100 })
  row("python_one_exec", python, "python", "python by one exec",
    "exec channel: python3 -c, no file")
  row("python_docker", python, "python", "python by docker", "docker exec … python3 -c")
  row("python_host", python, "python", "python of the host", "the host's own python3 -c", nil,
    { times = 5 })
  row("shell", shell, "shell", "shell by exec", "exec channel: exec, inspect", { times = 30 },
    { times = 60 })
  row("shell_docker", shell, "shell", "shell by docker", "docker exec … sh -c true")
  table.insert(rows, throughput(manager, options))
end

return calls
