-- Runs a Python program: its text becomes a file in the work folder, main.py, or another one where
-- that may be the user's.
local program_tool = require "enclave.program_tool"
local restrict = require "enclave.restrict"

local config = restrict.config("timeout", "max_output_size", "max_fetch_size", "allowed_modules",
  "blocked_modules")
config.properties.python_path = { type = "string", minLength = 1, default = "python3",
  description = "The interpreter; only python3 is kept running" }

return {
  name = "python_executor",
  version = "1.1.0",
  api = 1,
  description = "Run a Python program and return what it prints",
  parameters = program_tool.parameters({
    code = { type = "string", description = "The program" },
    args = { type = "array", items = { type = "string" }, description = "Its arguments" },
  }, { "code" }),
  config = config,
  sandbox_types = { "docker", "docker_notebook" },
  warm = { "python3" },
  execute = function(sandbox, params, context)
    local problem = restrict.modules(params.code, context.config)
    if problem then
      return { status = "error", error = problem }
    end
    return program_tool.run(sandbox, params, context, {
      interpreter = "python3",
      program = context.config.python_path,
      code = params.code,
      args = params.args,
    })
  end,
}
