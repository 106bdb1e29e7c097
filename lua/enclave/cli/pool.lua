-- enclave-lua pool: a warm pool; each line of standard input is one program. Results come in
-- the order of the lines, statistics at the end.
local cli_exec = require "enclave.cli.exec"
local config = require "enclave.cli.config"
local console = require "enclave.cli.console"
local core = require "enclave.core"
local enclave = require "enclave"
local exact = require "enclave.exact"
local front = require "enclave.cli.front"
local json = require "enclave.json"

local pool = {
  name = "pool",
  summary = "Warm a pool, run each line of standard input in it, show statistics",
  description = "Warms a pool and runs each line of standard input as a program in it, as many"
    .. " at a time as there are sandboxes. Results come in the order of the lines.",
  options = {
    { "--size", "COUNT", "Sandboxes that are kept warm.", default = "2",
      convert = front.count },
    { "--max-size", "COUNT", "Sandboxes at most (default: --size).", convert = front.count },
    { "--reuse", "HOW", "What happens between programs.", default = "reset",
      choices = { "reset", "fresh", "keep" } },
    { "--params", nil, "Lines are JSON objects with the tool's parameters." },
    { "--json", nil, "Write each result as a line of JSON, and the statistics as the last one." },
    table.unpack(config.options),
  },
  examples = {
    { "printf 'print(1)\\nprint(2)\\n' | enclave-lua pool", "two programs" },
    { "enclave-lua pool --size 4 --json --params < calls.jsonl", "results as JSON" },
  },
}

-- The lines of standard input; reading them waits and lets other tasks run.
local function lines()
  local text, at, ended = "", 1, false
  return function()
    while true do
      local stop = text:find("\n", at, true)
      if stop or ended then
        local line = text:sub(at, (stop or #text + 1) - 1)
        at = (stop or #text) + 1
        return (stop or line ~= "") and line or nil
      end
      local bytes, err = core.read_input()
      if err then
        error(err, 0)
      end
      ended = not bytes
      text, at = text:sub(at) .. (bytes or ""), 1
    end
  end
end

local function parameters_of(args, make)
  return function(line)
    if not args.params then
      return make(line)
    end
    local given, problem = json.decode(line)
    if problem or type(given) ~= "table" then
      return nil, "expected a JSON object" .. (problem and ": " .. problem or "")
    end
    local all = make(nil)
    for name, value in pairs(given) do
      all[name] = value
    end
    return all
  end
end

-- One finished line: true when it succeeded.
local function show(args, number, result, problem)
  if args.json then
    local value = result or { line = number, error = front.message(problem),
      code = type(problem) == "table" and problem.code or "invalid" }
    console.write(json.encode(exact.add(value)), "\n")
  elseif result then
    cli_exec.show(result)
    local facts = result.metadata or {}
    if result.status == "error" and facts.exit_code and facts.stderr_total == 0 then
      io.stderr:write(("enclave-lua pool: line %d: exit code %d\n"):format(number,
        facts.exit_code))
    end
  else
    io.stderr:write(("enclave-lua pool: line %d: %s\n"):format(number, front.message(problem)))
  end
  console.flush()
  return result and result.status == "success"
end

local function show_stats(args, stats, good, bad, seconds)
  if args.json then
    console.write(json.encode({ stats = stats, succeeded = good, failed = bad,
      seconds = seconds }), "\n")
    return
  end
  local rows = { { "", "p50", "p90", "p99", "max" } }
  for _, what in ipairs({ "wait", "run", "reset", "create" }) do
    local times = stats[what] or {}
    rows[#rows + 1] = { what, console.time(times.p50), console.time(times.p90),
      console.time(times.p99), console.time(times.max) }
  end
  io.stderr:write(("%d succeeded, %d failed, %.1f calls/s in %s; %d sandboxes created\n"):format(
    good, bad, seconds > 0 and (good + bad) / seconds or 0, console.time(seconds),
    stats.totals and stats.totals.created or 0))
  io.stderr:write(table.concat(console.table(rows, 1), "\n"), "\n")
end

-- Reads and runs, at most `width` lines ahead of what was shown.
local function run_lines(args, manager, width)
  local tool = assert(manager.registry:tool(args.tool))
  local parameters = parameters_of(args, config.parameters(args, tool))
  local shown, number, at, good, bad = {}, 0, 0, 0, 0
  local function run(line)
    local given, problem = parameters(line)
    if not given then
      return nil, problem
    end
    return manager:execute_tool_in_pool(args.tool, given)
  end
  local function wait_and_show(n, call, before)
    local fine, result, problem = call:join()
    if before then
      assert(before:join())
    end
    if show(args, n, fine and result, fine and problem or result) then
      good = good + 1
    else
      bad = bad + 1
    end
  end
  for line in lines() do
    at = at + 1
    if line:find("%S") then
      number = number + 1
      shown[number] = core.spawn(wait_and_show, at, core.spawn(run, line), shown[number - 1])
      if shown[number - width] then
        assert(shown[number - width]:join())
        shown[number - width] = nil
      end
    end
  end
  if number > 0 then
    assert(shown[number]:join())
  end
  return good, bad
end

function pool.run(args)
  local manager <close> = assert(enclave.manager({ docker_host = args.docker_host,
    tools = args.tools, log_level = args.log_level }))
  local wanted = config.sandbox(args)
  wanted.reuse, wanted.tools_config = args.reuse, { args.tool }
  local ids, problem = console.with_progress(function(report)
    return manager:initialize_pool({ pool_size = args.size, max_size = args.max_size,
      sandbox_type = args.sandbox_type, config = wanted, progress = report })
  end)
  if not ids then
    error(problem, 0)
  elseif core.terminal(0) and core.terminal(2) then
    io.stderr:write(("%d sandboxes are warm. One program a line; ^D ends.\n"):format(#ids))
  end
  local started = core.now()
  local good, bad = run_lines(args, manager, 2 * math.max(args.max_size or args.size, 1))
  show_stats(args, manager:get_stats(), good, bad, core.now() - started)
  return bad == 0 and 0 or 1
end

return pool
