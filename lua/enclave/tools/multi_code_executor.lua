-- Runs a program in one of many languages: writes its files, builds it where the language is
-- built, and runs it, once or for each of some cases. What is particular to a language stands
-- in its data file, lua/enclave/languages/NAME.lua.
local build_cache = require "enclave.multi_code.build_cache"
local cases = require "enclave.multi_code.cases"
local jobs = require "enclave.multi_code.job"
local languages = require "enclave.languages"
local phases = require "enclave.multi_code.phases"
local result = require "enclave.result"
local toolchain = require "enclave.multi_code.toolchain"
local transfer = require "enclave.files.transfer"

local seconds = { type = "number", exclusiveMinimum = 0 }
local strings = { type = "array", items = { type = "string" } }

local function with(node, description)
  local copy = {}
  for key, value in pairs(node) do
    copy[key] = value
  end
  copy.description = description
  return copy
end

-- Only where a borrower finds nothing of the last one does a build depend on its files alone.
local function cache_for(context, facts)
  local size = context.config.build_cache
  if size == false or size == 0 or facts.bound or not context.clean then
    return nil
  end
  return build_cache.of(context.kept, size)
end

-- What a build that failed says: compilers use either stream.
local function build_failed(job, entry)
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
      exit_code = entry.exit_code, signal = entry.signal, limit = entry.limit } }
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
  end
  local parts = result.from_run(run)
  if run.limit == "memory" and parts.status == "success" then
    parts.status, parts.error = "error", (parts.error or "") .. "memory limit"
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
    facts, err = toolchain.facts(sandbox)
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

local function execute(sandbox, params, context)
  local job, list, err = read(sandbox, params, context)
  if not job then
    return list, err
  end
  local build, parts, fetched
  build, err = phases.build(job, cache_for(context, job.facts))
  if err then
    return nil, err
  elseif build and build.status ~= "success" then
    return build_failed(job, build)
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

return {
  name = "multi_code_executor",
  version = "1.0.0",
  api = 1,
  description = "Build and run a program in one of many languages, once or for many test cases",
  parameters = {
    type = "object",
    required = { "language" },
    additionalProperties = false,
    properties = {
      language = { type = "string", minLength = 1,
        description = "python, cpp, java, …, or an alias such as js or c++" },
      code = { type = "string", description = "The main file's text; or leave it out and have"
        .. " that file among files" },
      file = { type = "string", minLength = 1, description = "The main file's name; default:"
        .. " what the language calls it" },
      files = with(transfer.parameters.files, "More files: name -> text, or { base64: … };"
        .. " folders are made"),
      fetch_files = transfer.parameters.fetch_files,
      folder = { type = "string", minLength = 1, description = "Folder inside the work folder"
        .. " to do all this in; default: the work folder" },
      stdin = { type = "string", description = "What the program reads from standard input" },
      args = with(strings, "The program's arguments"),
      env = { type = "object", additionalProperties = { type = "string" },
        description = "Environment variables of build and run" },
      compile_timeout = with(seconds, "Seconds that the build may take"),
      run_timeout = with(seconds, "Seconds that the run, or each case, may take"),
      timeout = with(seconds, "Another name of run_timeout"),
      cpu_timeout = with(seconds, "Seconds of processor time that the run, or each case, may"
        .. " take"),
      memory_limit = { anyOf = { { type = "integer", minimum = 1 }, { type = "string" } },
        description = 'Memory of the run, or each case: bytes, or "256m"; default: the'
          .. " sandbox's" },
      output_limit = { type = "integer", minimum = 1,
        description = "Bytes of output that are kept of the run, or each case" },
      cases = { type = "array", maxItems = 10000, minItems = 1,
        description = "Run what was built once for each; every one gets a verdict in"
          .. " metadata.cases",
        items = { type = "object", additionalProperties = false, properties = {
          stdin = { type = "string" }, args = with(strings, "Default: args of the call"),
          files = with(transfer.parameters.files, "Files that only this case has"),
          expected = { type = "string", description = "What it has to print; without it the"
            .. " exit code alone counts" },
        } } },
      with_version = { type = "boolean", default = false, description = "Tell in"
        .. " metadata.version what the language's programs call themselves" },
      compare = { enum = { "lines", "exact", "tokens" }, default = "lines",
        description = "lines: white space at ends of lines and empty lines at the end do not"
          .. " count; tokens: white space only separates" },
      tolerance = { type = "number", minimum = 0, description = "Tokens that are numbers may"
        .. " differ by so much, or so much of their size; compares tokens" },
      parallel = { type = "integer", minimum = 1, description = "Cases at a time; default and"
        .. " most: the sandbox's processors" },
      stop_on_failure = { type = "boolean", default = false,
        description = "Cases after the first that is not accepted are not_run" },
      case_output = { type = "integer", minimum = 0, default = 4096, description = "Bytes of"
        .. " each stream of a case with expected that are returned" },
    },
  },
  config = {
    type = "object",
    additionalProperties = false,
    properties = {
      compile_timeout = with(seconds, "Default of compile_timeout"),
      run_timeout = with(seconds, "Default of run_timeout"),
      build_cache = { anyOf = { { type = "integer", minimum = 0 }, { const = false } },
        description = "Bytes that the build cache may hold; 0 or false: no cache" },
    },
  },
  sandbox_types = { "docker" },
  warm = { "python3", "sh" },
  execute = execute,
}
