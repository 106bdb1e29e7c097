-- POST /run_code as SandboxFusion has it, for graders that speak it. Programs run by
-- multi_code_executor in a pool: that of ?pool=, else the default one.
local base64 = require "enclave.base64"
local json = require "enclave.json"
local policy = require "enclave.http.policy"
local schema = require "enclave.schema"
local signals = require "enclave.signals"

local seconds = { type = "number", exclusiveMinimum = 0, default = 10 }
local body = {
  type = "object",
  required = { "code", "language" },
  properties = {
    code = { type = "string" },
    language = { type = "string", minLength = 1 },
    stdin = { type = "string" },
    compile_timeout = seconds,
    run_timeout = seconds,
    memory_limit_MB = { type = "integer", maximum = 1 << 30, default = -1,
      description = "-1: the sandbox's" },
    files = { type = "object", description = "name -> base64; null: not written",
      additionalProperties = { type = { "string", "null" } } },
    fetch_files = { type = "array", items = { type = "string" } },
  },
}
local validate = schema.compile(body, "body")

-- What its clients try again is a 504; what they got wrong is a 422.
local statuses = { invalid = 422, not_found = 422, timeout = 504, exhausted = 504,
  unavailable = 504 }

local function failure(err)
  return nil, { status = err.status or statuses[err.code], code = err.code,
    message = err.message }
end

local function parameters_of(given)
  local files = {}
  for name, content in pairs(given.files or {}) do
    if content ~= json.null then
      files[name] = { base64 = content }
    end
  end
  return { language = given.language, code = given.code, stdin = given.stdin, files = files,
    fetch_files = given.fetch_files, compile_timeout = given.compile_timeout,
    run_timeout = given.run_timeout,
    memory_limit = given.memory_limit_MB > 0 and given.memory_limit_MB << 20 or nil }
end

-- A build or a run; the code of one that a signal ended is that of Python's subprocess.
local function command(entry)
  if not entry then
    return json.null
  end
  local late = entry.status == "timeout"
  local code = entry.exit_code or entry.signal and -signals.number(entry.signal)
  return { status = late and "TimeLimitExceeded" or "Finished", execution_time = entry.time,
    return_code = not late and code or json.null, stdout = entry.stdout, stderr = entry.stderr }
end

local function fetched(files)
  local out = {}
  for name, file in pairs(files or {}) do
    out[name] = file.encoding == "base64" and file.content or base64.encode(file.content)
  end
  return out
end

local function answer(status, message, metadata)
  return { status = status, message = message, compile_result = command(metadata.build),
    run_result = command(metadata.run), executor_pod_name = json.null,
    files = fetched(metadata.files) }
end

local function run_code(request, server)
  local given, problem = request:checked(validate)
  if not given then
    return failure(problem)
  end
  local result, err = server.manager:execute_tool_in_pool("multi_code_executor",
    policy.parameters(server.policy, parameters_of(given)), { pool = request.query.pool })
  if result and result.metadata.missing then
    return answer("SandboxError", result.error, {})
  elseif result then
    local limit = result.metadata.limit -- one of memory may be met with return code 0
    return answer(result.status == "success" and "Success" or "Failed",
      limit and limit .. " limit" or "", result.metadata)
  elseif statuses[err.code] or err.code == "cancelled" then
    return failure(err)
  end
  return answer("SandboxError", err.message, {})
end

local reply = { type = "object", required = { "status", "message", "compile_result", "run_result",
  "files" } }

return {
  name = "sandboxfusion", api = 1,
  routes = {
    { "POST", "/run_code", run_code, { summary = "Run a program, as SandboxFusion does",
      runs_tool = true, body_required = true, query = { pool = { type = "string",
        default = "default" } }, body = { ["application/json"] = body }, fails = { 422, 504 },
      reply = { ["application/json"] = reply } } },
    { "GET", "/v1/ping", function()
      return "pong"
    end, { summary = "Whether the server is there, as SandboxFusion says it",
      reply = { ["application/json"] = { const = "pong" } } } },
  },
}
