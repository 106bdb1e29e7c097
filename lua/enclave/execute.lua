-- Runs one tool in one sandbox and makes a result of what it returned.
local core = require "enclave.core"
local errors = require "enclave.errors"
local result = require "enclave.result"

local execute = {}

-- What a tool may throw that is not its own fault.
local passed_on = { lost = true, cancelled = true, closed = true }

---A tool and its parameters, found and checked; nothing runs yet.
---@param tools enclave.Toolset
---@param name string
---@param parameters table|nil
---@param op string
---@return { tool: enclave.Tool, config: table, parameters: table }|nil call
---@return enclave.Error? err
function execute.prepare(tools, name, parameters, op)
  errors.check(op, "tool_name", name, "string")
  errors.check(op, "parameters", parameters, "table|nil")
  local tool, config = tools:find(name)
  if not tool then
    return nil, config
  end
  local checked, problem = tool.validate(parameters or {})
  if not checked then
    return nil, errors.new("invalid", problem, op)
  end
  return { tool = tool, config = config, parameters = checked }
end

---For tools that pass them on to sandbox:run; the result holds the output all the same.
---@class enclave.OutputOptions
---@field on_stdout? fun(bytes: string) output as it comes; what it waits for, the program waits for
---@field on_stderr? fun(bytes: string)

---@param sandbox enclave.Sandbox
---@param call table from execute.prepare
---@param context table for the tool: { pool?, sandbox_type, on_stdout?, on_stderr? }
---@param waited number seconds
---@return enclave.Result|nil
---@return enclave.Error? err
function execute.run(sandbox, call, context, waited)
  local tool, id, last_reset = call.tool, sandbox.id, sandbox.last_reset
  context.tool_name, context.config = tool.name, call.config
  local started = core.now()
  local ok, returned, failure = core.bounded(tool.budget, tool.execute, sandbox,
    call.parameters, context)
  if not ok then
    if errors.is(returned) and passed_on[returned.code] then
      return nil, returned
    end
    return nil, errors.new("internal", ("the tool %s threw: %s"):format(tool.name,
      tostring(returned)), "tool." .. tool.name)
  end
  return result.build(tool.name, returned, failure,
    { sandbox_id = id, wait = waited, run = core.now() - started, last_reset = last_reset })
end

return execute
