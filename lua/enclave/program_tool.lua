-- What tools that run one program of their caller have in common: the parameters that are about
-- any program, and how they become a run.
local transfer = require "enclave.files.transfer"

local program_tool = {}

---@param own table<string, table> the properties that only this tool has
---@param required string[]
---@return table schema of the parameters
function program_tool.parameters(own, required)
  local properties = {
    timeout = { type = "number", exclusiveMinimum = 0,
      description = "Seconds it may run; default: the sandbox's" },
    stdin = { type = "string", description = "What it reads from standard input" },
    env = { type = "object", additionalProperties = { type = "string" },
      description = "Environment variables, added to the sandbox's" },
    cwd = { type = "string", minLength = 1,
      description = "Where it runs; default: the work folder" },
    files = transfer.parameters.files,
    fetch_files = transfer.parameters.fetch_files,
  }
  for name, schema in pairs(own) do
    properties[name] = schema
  end
  return { type = "object", required = required, additionalProperties = false,
    properties = properties }
end

---@param sandbox enclave.Sandbox
---@param params table of a call
---@param context enclave.ToolContext
---@param spec enclave.RunOptions what to run; the rest is added
---@return enclave.RunResult|nil
---@return enclave.Error? err
function program_tool.run(sandbox, params, context, spec)
  local config = context.config
  spec.timeout = params.timeout or config.timeout
  spec.stdin, spec.env, spec.cwd = params.stdin, params.env, params.cwd
  spec.max_output_size = config.max_output_size
  spec.on_stdout, spec.on_stderr = context.on_stdout, context.on_stderr
  spec.keep_output = true
  return transfer.run(sandbox, params, spec, config.max_fetch_size)
end

return program_tool
