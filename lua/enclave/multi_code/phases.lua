-- The two parts of a call: the build (or what an earlier one left, out of the cache) and a run.
local build_cache = require "enclave.multi_code.build_cache"
local command = require "enclave.multi_code.command"
local core = require "enclave.core"
local interpreters = require "enclave.interpreters"
local result = require "enclave.result"
local transfer = require "enclave.files.transfer"

local phases = {}

-- Writes the files of the call below the job's folder.
local function write(job)
  local prefix, there = job.folder and job.folder .. "/" or "", {}
  for name, content in pairs(job.files) do
    there[prefix .. name] = content
  end
  return transfer.send(job.sandbox, there)
end

-- Runs a command line. One whose interpreter waits warm is served by that.
local function start(job, argv, spec)
  local known = interpreters[argv[1]]
  if known and known.warm and #argv > 1 and argv[2]:sub(1, 1) ~= "-" then
    spec.interpreter, spec.file = argv[1], argv[2]
    spec.args = table.move(argv, 3, #argv, 1, {})
  else
    spec.argv = argv
  end
  spec.env = spec.env or job.env
  spec.cwd = spec.cwd or job.root
  return job.sandbox:run(spec)
end

---A run as results show it.
---@param run enclave.RunResult
---@return table entry
function phases.entry(run)
  local parts = result.from_run(run)
  return { status = parts.status, stdout = run.stdout, stderr = run.stderr,
    exit_code = run.exit_code, signal = parts.metadata.signal, limit = run.limit,
    time = run.wall, cpu = parts.metadata.cpu and run.user + run.system or nil,
    memory = parts.metadata.peak_memory, truncated = run.truncated or nil }
end

-- All that a build depends on: the image and the sandbox's environment, the commands, their
-- environment, the files.
local function key_of(job)
  local parts, variables = { job.facts.key, job.language.name, job.root }, {}
  local function add(list)
    parts[#parts + 1] = tostring(#list)
    table.move(list, 1, #list, #parts + 1, parts)
  end
  for _, each in ipairs(job.variant.build) do
    add(command.expand(each, job.words, {}))
  end
  add(job.variant.artifacts)
  for name, value in pairs(job.env) do
    variables[#variables + 1] = name .. "=" .. value
  end
  table.sort(variables)
  add(variables)
  return build_cache.key(parts, job.files)
end

-- What the build left, before any run could change it.
local fetch = [[
cd -- "$1" || exit
patterns=$2
set --
for f in $patterns; do
  [ ! -e "$f" ] || set -- "$@" "$f"
done
exec tar -cf - -- "$@"]]

local function store(job, cache, key, entry)
  local patterns = {}
  for i, pattern in ipairs(job.variant.artifacts) do
    patterns[i] = command.fill(pattern, job.words)
  end
  local run = job.sandbox:run{ interpreter = "sh", code = fetch,
    args = { job.root, table.concat(patterns, " ") }, max_output_size = cache:largest() }
  if run and run.status == "exited" and run.exit_code == 0 and not run.truncated then
    cache:put(key, { archive = run.stdout, stdout = entry.stdout, stderr = entry.stderr })
  end
end

-- The commands, until one fails. Times add up; output too.
local function build(job)
  local whole = { status = "success", stdout = "", stderr = "", time = 0 }
  for _, each in ipairs(job.variant.build) do
    local left = job.build_timeout and math.max(0.001, job.build_timeout - whole.time)
    local run, err = start(job, command.expand(each, job.words, {}),
      { timeout = left })
    if not run then
      return nil, err
    end
    local entry = phases.entry(run)
    entry.stdout, entry.stderr = whole.stdout .. entry.stdout, whole.stderr .. entry.stderr
    entry.time = whole.time + entry.time
    entry.cpu = entry.cpu and entry.cpu + (whole.cpu or 0)
    entry.memory = entry.memory and math.max(entry.memory, whole.memory or 0)
    whole = entry
    if whole.status ~= "success" then
      break
    end
  end
  return whole
end

---Writes the files and builds them, where the language is one that is built.
---@param job enclave.Job
---@param cache enclave.BuildCache|nil nil: not to be used
---@return table|nil entry nil without an error: there is nothing to build
---@return enclave.Error? err
function phases.build(job, cache)
  local fine, err = write(job)
  if not fine or not job.variant.build then
    return nil, err
  end
  local key = cache and key_of(job)
  local built = cache and cache:get(key)
  if built then
    local started = core.now()
    fine, err = job.sandbox:put_archive(built.archive, job.folder)
    if not fine then
      return nil, err
    end
    return { status = "success", stdout = built.stdout, stderr = built.stderr, exit_code = 0,
      cached = true, time = core.now() - started }
  end
  local entry
  entry, err = build(job)
  if entry and cache then
    entry.cached = false
    if entry.status == "success" then
      store(job, cache, key, entry)
    end
  end
  return entry, err
end

-- What interpreters say when their own heap is full; of others the agent knows.
local full_heap = { "OutOfMemory", "out of memory", "Out of memory", "not enough memory",
  "memory allocation of", "Allowed memory size" }

---Whether a run took more memory than it may.
---@param job enclave.Job
---@param run enclave.RunResult
---@return boolean
function phases.lacks_memory(job, run)
  if job.memory_limit and run.peak_memory > job.memory_limit then
    return true
  elseif run.status == "exited" and run.exit_code == 0 then
    return false
  elseif run.limit == "memory" then
    -- The kernel ended some program of the sandbox: this one, or one that ran beside it.
    return not run.oom_killed or run.status == "signaled" or run.exit_code > 128
  end
  for _, words in ipairs(job.memory_limit and full_heap or {}) do
    if run.stderr:find(words, 1, true) then
      return true
    end
  end
  return false
end

---Whether a run took more processor time than it may; the kernel ends it at whole seconds.
---@param run enclave.RunResult
---@param most? number seconds
---@return boolean
function phases.lacks_processor(run, most)
  return run.limit == "cpu" or most ~= nil and run.user + run.system > most
end

-- A program that has a folder of its own finds its home there.
local function environment(job, folder)
  local env = {}
  for name, value in pairs(job.env) do
    env[name] = value
  end
  env.HOME = env.HOME or folder
  return env
end

---Runs what was built.
---@param job enclave.Job
---@param options { args?: string[], stdin?: string, cwd?: string, user?: string,
--- max_output_size?: integer, cpu_timeout?: number, on_stdout?: function, on_stderr?: function }
---@return enclave.RunResult|nil
---@return enclave.Error? err
function phases.run(job, options)
  return start(job, command.expand(job.variant.run, job.words, options.args or {}),
    { timeout = job.run_timeout, stdin = options.stdin, cwd = options.cwd, user = options.user,
      env = options.cwd and environment(job, options.cwd),
      max_output_size = options.max_output_size,
      limits = options.cpu_timeout and { cpu_seconds = math.ceil(options.cpu_timeout) },
      on_stdout = options.on_stdout, on_stderr = options.on_stderr, keep_output = true })
end

return phases
