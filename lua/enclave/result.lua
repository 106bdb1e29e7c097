-- The result of a tool call as callers, HTTP clients and the peers' clients see it.
local core = require "enclave.core"
local errors = require "enclave.errors"
local signals = require "enclave.signals"
local suggest = require "enclave.suggest"

---@class enclave.Result
---@field tool_name string
---@field status "success"|"error"|"timeout"|"cancelled"
---@field output string what it wrote to stdout
---@field error? string what it wrote to stderr, and why it failed
---@field execution_time number seconds
---@field timestamp string ISO 8601, UTC
---@field metadata table sandbox_id, exit_code, signal, limit, wall, cpu, peak_memory,
--- phases { wait, run, reset: the cleaning before this call }, last_reset: what that found, …

local result = {}

local statuses = { success = true, error = true, timeout = true, cancelled = true }

local limit_texts = {
  time = "time limit", cpu = "CPU time limit", memory = "memory limit",
  output = "output limit", pids = "process limit", disk = "disk full or file too large",
  files = "open files limit",
}

---@param seconds? number since 1970; default: now
---@return string # "2026-01-31T12:00:00.123Z"
function result.timestamp(seconds)
  seconds = seconds or (core.time and core.time()) or os.time()
  local whole = math.floor(seconds)
  return os.date("!%Y-%m-%dT%H:%M:%S", whole)
    .. (".%03dZ"):format(math.floor((seconds - whole) * 1000))
end

-- What happened to a program, in words; nil for a plain end with code 0.
local function reason(run)
  local limit = run.limit and limit_texts[run.limit] or run.limit
  if run.status == "timeout" then
    return ("timed out after %.3g s"):format(run.wall or 0)
  elseif run.status == "cancelled" then
    return "cancelled"
  elseif run.status == "signaled" then
    local signal = run.signal or 0
    return ("killed by signal %s (%d)"):format(signals.name(signal), signal)
      .. (limit and ": " .. limit or "")
  elseif run.exit_code ~= 0 then
    local code = run.exit_code and ("exit code %d"):format(run.exit_code) or "no exit code"
    return limit and ("%s: %s"):format(code, limit) or code
  end
end

local function join_lines(first, second)
  if first == "" then
    return second
  end
  return first .. (first:sub(-1) == "\n" and "" or "\n") .. second
end

---The parts of a result that a program's run gives.
---@param run enclave.RunResult
---@return table # { status, output, error, metadata }
function result.from_run(run)
  local why = reason(run)
  local stderr, status = run.stderr or "", "success"
  local counted = (run.peak_memory or 0) > 0 -- the exec channel cannot know
  local text = stderr ~= "" and stderr or nil
  if run.status == "timeout" or run.status == "cancelled" then
    status = run.status
  elseif why then
    status = "error"
  end
  -- A plain exit code says less than what the program wrote; everything else is news.
  if why and (not text or run.status ~= "exited" or run.limit) then
    text = join_lines(stderr, why)
  end
  return { status = status, output = run.stdout or "", error = text, metadata = {
    exit_code = run.exit_code,
    signal = run.signal and signals.name(run.signal) or nil,
    limit = run.limit,
    truncated = run.truncated or false,
    stdout_total = run.stdout_total,
    stderr_total = run.stderr_total,
    wall = run.wall,
    cpu = counted and { user = run.user, system = run.system } or nil,
    peak_memory = counted and run.peak_memory or nil,
    oom_killed = run.oom_killed or nil,
    warm = run.warm,
    isolation = run.isolation,
  } }
end

local function bad_return(name, field, wanted, got)
  return nil, errors.new("internal", ("tool %s returned %s: expected %s, got %s"):format(name,
    field, wanted, errors.show(got)), "tool." .. name)
end

local table_fields = { output = true, error = true, status = true, metadata = true,
  tool_name = true, execution_time = true, timestamp = true } -- those of a result, too

-- A table that a tool made by itself.
local function from_table(name, returned)
  for field in pairs(returned) do
    if not table_fields[field] then
      return nil, errors.new("internal", ("tool %s returned %s: unknown field%s"):format(name,
        tostring(field), suggest.hint(field, { "error", "metadata", "output", "status" })),
        "tool." .. name)
    end
  end
  local status = returned.status or (returned.error and "error" or "success")
  if not statuses[status] then
    return bad_return(name, "status", "success, error, timeout or cancelled", status)
  end
  local metadata = {}
  local parts = { status = status, output = returned.output or "", error = returned.error,
    metadata = metadata }
  if type(parts.output) ~= "string" then
    return bad_return(name, "output", "a string", parts.output)
  elseif parts.error ~= nil and type(parts.error) ~= "string" then
    parts.error = tostring(parts.error)
  elseif returned.metadata ~= nil and type(returned.metadata) ~= "table" then
    return bad_return(name, "metadata", "a table", returned.metadata)
  end
  for key, value in pairs(returned.metadata or {}) do
    metadata[key] = value
  end
  return parts
end

local run_statuses = { exited = true, signaled = true, timeout = true, cancelled = true }

local function is_run(value)
  return run_statuses[value.status] and value.stdout ~= nil and value.output == nil
end

---A result out of what a tool's execute returned: a run, a table { output, error, status,
---metadata }, a string, nothing, or nil and an error (a string: the tool failed; an error
---object: the call failed).
---@param name string the tool
---@param returned any
---@param failure any its second value
---@param facts { sandbox_id: string, wait: number, run: number, last_reset?: table }
---@return enclave.Result|nil
---@return enclave.Error? err
function result.build(name, returned, failure, facts)
  local parts, err
  local kind = type(returned)
  if not returned and failure ~= nil then
    if errors.is(failure) then
      return nil, failure
    end
    parts = { status = "error", output = "", error = tostring(failure), metadata = {} }
  elseif kind == "string" then
    parts = { status = "success", output = returned, metadata = {} }
  elseif kind == "nil" then
    core.log("warn", ("tool %s returned nothing, which is taken for \"\"; is a return missing?")
      :format(name))
    parts = { status = "success", output = "", metadata = {} }
  elseif kind == "table" and is_run(returned) then
    parts = result.from_run(returned)
    for key, value in pairs(returned.metadata or {}) do
      parts.metadata[key] = value
    end
  elseif kind == "table" then
    parts, err = from_table(name, returned)
  else
    return bad_return(name, "a value", "a run, a table or a string", returned)
  end
  if not parts then
    return nil, err
  end
  parts.metadata.sandbox_id = facts.sandbox_id
  parts.metadata.last_reset = facts.last_reset
  parts.metadata.phases = { wait = facts.wait, run = facts.run,
    reset = facts.last_reset and facts.last_reset.seconds }
  return {
    tool_name = name,
    status = parts.status,
    output = parts.output,
    error = parts.error,
    execution_time = facts.run,
    timestamp = result.timestamp(),
    metadata = parts.metadata,
  }
end

return result
