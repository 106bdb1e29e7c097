-- What multi_code_executor does: writes the files of a program, builds it where its language is
-- built, and runs it, once or for each of some cases.
local build_cache = require "enclave.multi_code.build_cache"
local cases = require "enclave.multi_code.cases"
local jobs = require "enclave.multi_code.job"
local languages = require "enclave.multi_code.languages"
local phases = require "enclave.multi_code.phases"
local result = require "enclave.result"
local toolchain = require "enclave.multi_code.toolchain"
local transfer = require "enclave.files.transfer"

-- Only where a borrower finds nothing of the last one does a build depend on its files alone.
local function cache_for(context, facts)
  local size = context.config.build_cache
  if size == 0 or facts.bound or not context.clean then
    return nil
  end
  return build_cache.of(context.kept, size)
end

-- What a build that failed says: compilers use either stream.
local function build_failed(job, entry, judged)
  local text = entry.stderr
  if entry.stdout ~= "" then
    text = text .. (text ~= "" and text:sub(-1) ~= "\n" and "\n" or "") .. entry.stdout
  end
  local why = entry.status == "timeout" and ("the build timed out after %.3g s"):format(entry.time)
    or entry.limit and ("the build failed: %s limit"):format(entry.limit)
    or text == "" and "the build failed" or nil
  text = why and (text == "" and why or text .. "\n" .. why) or text
  return { status = entry.status, output = "", error = text,
    metadata = { language = job.language.name, version = job.version, build = entry,
      exit_code = entry.exit_code, signal = entry.signal, limit = entry.limit,
      verdict = judged and "compile_error" or nil } }
end

local function single(job, params, context, build)
  local run, err = phases.run(job, { args = params.args, stdin = params.stdin,
    max_output_size = params.output_limit, cpu_timeout = params.cpu_timeout,
    on_stdout = context.on_stdout, on_stderr = context.on_stderr })
  if not run then
    return nil, err
  end
  if phases.lacks_memory(job, run) then
    run.limit = "memory"
  elseif phases.lacks_processor(run, params.cpu_timeout) then
    run.limit = "cpu"
  end
  local parts = result.from_run(run)
  if run.limit == "cpu" then
    parts.status, parts.error = "timeout", parts.error or "CPU time limit"
  elseif run.limit == "memory" and parts.status == "success" then
    parts.status, parts.error = "error", parts.error or "memory limit"
  end
  parts.metadata.language, parts.metadata.version = job.language.name, job.version
  parts.metadata.build, parts.metadata.run = build, phases.entry(run)
  parts.metadata.run.status = parts.status
  return parts
end

local function many(job, list, params, build)
  local verdicts, err = cases.run(job, list, { args = params.args, compare = params.compare,
    tolerance = params.tolerance, cpu_timeout = params.cpu_timeout,
    output_limit = params.output_limit, case_output = params.case_output,
    parallel = params.parallel, stop_on_failure = params.stop_on_failure })
  if not verdicts then
    return nil, err
  end
  local parts = cases.summary(verdicts)
  parts.metadata.language, parts.metadata.version = job.language.name, job.version
  parts.metadata.build = build
  return parts
end

-- The job and its cases, or nil and what execute returns.
local function read(sandbox, params, context)
  local set = languages.set(context.languages)
  local language, list, facts, job, missing
  local fine, err = transfer.check_fetch(params.fetch_files)
  if fine then
    language, err = set:find(params.language)
  end
  if language then
    list, err = cases.read(params.cases or {})
  end
  if list then
    facts, err = toolchain.facts(sandbox, context.clean)
  end
  if facts then
    job, err = jobs.read(language, params, context.config, facts)
  end
  if not job then
    return nil, nil, err
  end
  job.sandbox = sandbox
  job.variant, missing, err = toolchain.choose(sandbox, facts, set, language)
  if job.variant and params.with_version then
    job.version, err = toolchain.version(sandbox, facts, language, job.variant)
  end
  if err or missing then
    return nil, missing, err
  end
  return job, list
end

---@param sandbox enclave.Sandbox
---@param params table of the tool
---@param context enclave.ToolContext
---@return table|nil # parts of a result
---@return enclave.Error? err
return function(sandbox, params, context)
  local job, list, err = read(sandbox, params, context)
  if not job then
    return list, err
  end
  local build, parts, fetched
  build, err = phases.build(job, cache_for(context, job.facts))
  if err then
    return nil, err
  elseif build and build.status ~= "success" then
    return build_failed(job, build, params.cases)
  elseif params.cases then
    parts, err = many(job, list, params, build)
  else
    parts, err = single(job, params, context, build)
  end
  if parts then
    fetched, err = transfer.fetch(sandbox, params.fetch_files)
  end
  if err then
    return nil, err
  end
  parts.metadata.files = fetched and fetched.files
  parts.metadata.missing_files = fetched and fetched.missing_files
  return parts
end
