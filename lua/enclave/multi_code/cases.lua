-- Many runs of one build, each with input and what is expected of it, and a verdict for each.
local compare = require "enclave.multi_code.compare"
local given_files = require "enclave.multi_code.given_files"
local gather = require "enclave.gather"
local phases = require "enclave.multi_code.phases"
local errors = require "enclave.errors"

local cases = {}

-- A case with files of its own runs in a folder of its own, where everything else of the work
-- folder is seen too, as it is before the first case runs.
local link = [[
cd -- "$1" || exit
shift
for number do
  for f in * .[!.]*; do
    [ "$f" = .cases ] || [ -e ".cases/$number/$f" ] || ! [ -e "$f" ] ||
      ln -s -- "../../$f" ".cases/$number/$f" || exit
  done
done]]

-- The files of a case, and those of the call that its folders would hide.
local function files_of(job, case)
  local tops, all = {}, {}
  for name in pairs(case.files) do
    tops[name:match("^([^/]+)/") or ""] = true
  end
  for name, content in pairs(job.files) do
    all[name] = tops[name:match("^([^/]+)/")] and content or nil
  end
  for name, content in pairs(case.files) do
    all[name] = content
  end
  return all
end

local function make_folders(job, list)
  local numbers = {}
  for i, case in ipairs(list) do
    if next(case.files) then
      local below = (".cases/%d"):format(i)
      local fine, err = phases.write(job, files_of(job, case), below)
      if not fine then
        return nil, err
      end
      case.folder = job.root .. "/" .. below
      numbers[#numbers + 1] = tostring(i)
    end
  end
  if #numbers == 0 then
    return true
  end
  local run, err = job.sandbox:run{ interpreter = "sh", code = link,
    args = { job.root, table.unpack(numbers) } }
  if not run then
    return nil, err
  elseif run.status ~= "exited" or run.exit_code ~= 0 then
    return nil, errors.new("internal", "cannot make the folders of the cases: " .. run.stderr,
      "multi_code_executor")
  end
  return true
end

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
  return #text > most and text:sub(1, most) .. "…" or text
end

local function run_case(job, i, case, options)
  local run, err = phases.run(job, { args = case.args or options.args, stdin = case.stdin,
    cwd = case.folder, max_output_size = options.output_limit,
    cpu_timeout = options.cpu_timeout })
  if not run then
    return nil, err
  end
  local entry = phases.entry(run)
  entry.status = nil
  entry.index = i
  entry.verdict, entry.difference = judge(job, run, case, options)
  -- With something to compare, the output itself is of interest only where it differs.
  local most = case.expected and options.case_output or math.huge
  entry.stdout, entry.stderr = shortened(run.stdout, most), shortened(run.stderr, most)
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
-- everything. Such a case is run once more, alone.
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
  local fine, problem = make_folders(job, list)
  if not fine then
    return nil, problem
  end
  local calls, stopped = { limit = width(job, #list, options.parallel) }, false
  for i, case in ipairs(list) do
    calls[i] = function()
      if stopped then
        return { index = i, verdict = "not_run" }
      end
      local entry, err = run_case(job, i, case, options)
      if not entry then
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
    if is_suspect(verdicts[i]) then
      verdicts[i], err = run_case(job, i, list[i], options)
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
