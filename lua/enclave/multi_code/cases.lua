-- Many runs of one build, each with input and what is expected of it, and a verdict for each.
local compare = require "enclave.multi_code.compare"
local given_files = require "enclave.multi_code.given_files"
local gather = require "enclave.gather"
local phases = require "enclave.multi_code.phases"
local places = require "enclave.multi_code.places"
local errors = require "enclave.errors"

local cases = {}

-- Bytes of output that all cases return; those behind them return a little.
local enough, little = 64 << 20, 4096

-- One of the words of a verdict, and the difference.
local function judge(job, run, case, options)
  local too_much = run.stdout_total > #run.stdout
  if run.status == "cancelled" then
    return "cancelled"
  elseif phases.lacks_memory(job, run) then
    return "memory_limit"
  elseif too_much and (case.expected or run.status == "timeout") then
    return "output_limit"
  elseif run.status == "timeout" or phases.lacks_processor(run, options.cpu_timeout) then
    return "time_limit"
  elseif run.status ~= "exited" or run.exit_code ~= 0 then
    return "runtime_error"
  elseif too_much then
    return "output_limit"
  end
  local difference = case.expected and compare.difference(case.expected, run.stdout,
    options.compare, options.tolerance)
  return difference and "wrong_answer" or "accepted", difference
end

local function shortened(text, most)
  if #text <= most then
    return text
  end
  local cut = most
  while cut > math.max(0, most - 3) and text:find("^[\x80-\xbf]", cut + 1) do
    cut = cut - 1 -- not inside a character
  end
  return text:sub(1, cut) .. "…"
end

local function run_case(job, i, case, place, options)
  local folder, run, err
  folder, err = place:renew(case)
  if folder then
    run, err = phases.run(job, { args = case.args or options.args, stdin = case.stdin,
      cwd = folder, user = place.user, max_output_size = options.output_limit,
      cpu_timeout = options.cpu_timeout })
  end
  if not run then
    return nil, err
  end
  local entry = phases.entry(run)
  entry.status = nil
  entry.index = i
  entry.verdict, entry.difference = judge(job, run, case, options)
  -- With something to compare, the output itself is of interest only where it differs.
  local most = case.expected and options.case_output or math.huge
  most = (options.returned or 0) < enough and most or math.min(most, little)
  entry.stdout, entry.stderr = shortened(run.stdout, most), shortened(run.stderr, most)
  options.returned = (options.returned or 0) + #entry.stdout + #entry.stderr
  return entry
end

-- As many at a time as the sandbox has processors, and as its memory has room for.
local function width(job, count, wanted)
  local most = math.max(1, job.facts.cpus // 1)
  if job.memory_limit and job.facts.memory > 0 then
    most = math.min(most, math.max(1, job.facts.memory // job.memory_limit))
  end
  return math.tointeger(math.min(count, wanted or most, most))
end

---Checks the names of the files; what cases.run takes.
---@param given table[]
---@return table[]|nil
---@return enclave.Error? err
function cases.read(given)
  local list = {}
  for i, case in ipairs(given) do
    local files, problem = given_files.read(case.files, ("parameters.cases[%d].files"):format(i))
    if not files then
      return nil, errors.new("invalid", problem, "multi_code_executor")
    end
    list[i] = { stdin = case.stdin, args = case.args, expected = case.expected, files = files }
  end
  return list
end

-- What ran beside it may have been the reason: it took all processes, or was killed along with
-- everything. Such a case is run once more, alone; so is one that could not begin.
local function is_suspect(entry)
  return entry.verdict == "runtime_error" and (entry.limit == "pids"
    or not entry.limit and entry.signal == "SIGKILL")
end

-- A case may take its sandbox with it (one that cannot be ended in time does): it has its
-- verdict, and those beside and behind it were not run.
local function collect(gathered)
  local verdicts, lost, failed = {}, nil, false
  for i, each in ipairs(gathered) do
    if each.ok then
      verdicts[i] = each.value
      failed = failed or each.value.verdict ~= "accepted" and each.value.verdict ~= "not_run"
    elseif each.error.code == "lost" then
      lost, verdicts[i] = each.error, { index = i, verdict = "not_run" }
    else
      return nil, each.error
    end
  end
  if lost and not failed then
    return nil, lost
  end
  return verdicts
end

---Runs the cases. Verdicts are in their order, whatever the order of their ends.
---@param job enclave.Job built
---@param list table[] from cases.read
---@param options table { args, compare, tolerance, cpu_timeout, output_limit, case_output,
--- parallel, stop_on_failure }
---@return table[]|nil verdicts
---@return enclave.Error? err
function cases.run(job, list, options)
  local calls, stopped = { limit = width(job, #list, options.parallel) }, false
  local free <close>, problem = places.open(job, calls.limit)
  if not free then
    return nil, problem
  end
  local crowded_out = {}
  for i, case in ipairs(list) do
    calls[i] = function()
      if stopped then
        return { index = i, verdict = "not_run" }
      end
      local place = table.remove(free)
      local entry, err = run_case(job, i, case, place, options)
      free[#free + 1] = place
      if not entry and err.code == "internal" and calls.limit > 1 then
        crowded_out[i] = true
        return { index = i, verdict = "not_run" }
      elseif not entry then
        stopped = true
        return nil, err
      elseif entry.verdict ~= "accepted" and options.stop_on_failure then
        stopped = true
      end
      return entry
    end
  end
  local gathered, err = gather(calls)
  local verdicts
  if gathered then
    verdicts, err = collect(gathered)
  end
  if not verdicts then
    return nil, err
  end
  for i = 1, calls.limit > 1 and not stopped and #list or 0 do
    if crowded_out[i] or is_suspect(verdicts[i]) then
      verdicts[i], err = run_case(job, i, list[i], free[1], options)
    end
    if not verdicts[i] then
      return nil, err
    end
  end
  return verdicts
end

---What the caller sees of all verdicts.
---@param verdicts table[]
---@return table parts of a result
function cases.summary(verdicts)
  local accepted, first = 0, nil
  for _, entry in ipairs(verdicts) do
    if entry.verdict == "accepted" then
      accepted = accepted + 1
    elseif not first or first.verdict == "not_run" then
      first = entry
    end
  end
  local text = first and ("case %d: %s"):format(first.index, first.verdict:gsub("_", " "))
  if first and first.difference then
    text = ("%s: %s"):format(text, first.difference)
  end
  return { status = first and "error" or "success",
    output = ("%d of %d accepted\n"):format(accepted, #verdicts), error = text or nil,
    metadata = { verdict = first and first.verdict or "accepted", accepted = accepted,
      total = #verdicts, cases = verdicts } }
end

return cases
