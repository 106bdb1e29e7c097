-- Runs a Python program: its text becomes main.py in the work folder.
local restrict = require "enclave.restrict"
local transfer = require "enclave.files.transfer"

local config = restrict.config("timeout", "max_output_size", "max_fetch_size", "allowed_modules",
  "blocked_modules")
config.properties.python_path = { type = "string", minLength = 1, default = "python3",
  description = "The interpreter; only python3 is kept running" }

return {
  name = "python_executor",
  version = "1.1.0",
  api = 1,
  description = "Run a Python program and return what it prints",
  parameters = {
    type = "object",
    required = { "code" },
    additionalProperties = false,
    properties = {
      code = { type = "string", description = "The program" },
      timeout = { type = "number", exclusiveMinimum = 0,
        description = "Seconds it may run; default: the sandbox's" },
      stdin = { type = "string", description = "What it reads from standard input" },
      args = { type = "array", items = { type = "string" }, description = "Its arguments" },
      env = { type = "object", additionalProperties = { type = "string" },
        description = "Environment variables, added to the sandbox's" },
      cwd = { type = "string", minLength = 1,
        description = "Where it runs; default: the work folder" },
      files = transfer.parameters.files,
      fetch_files = transfer.parameters.fetch_files,
    },
  },
  config = config,
  sandbox_types = { "docker", "docker_notebook" },
  warm = { "python3" },
  execute = function(sandbox, params, context)
    local wanted = context.config
    local problem = restrict.modules(params.code, wanted)
    if problem then
      return { status = "error", error = problem }
    end
    return transfer.run(sandbox, params, {
      interpreter = "python3",
      program = wanted.python_path,
      code = params.code,
      timeout = params.timeout or wanted.timeout,
      stdin = params.stdin,
      args = params.args,
      env = params.env,
      cwd = params.cwd,
      max_output_size = wanted.max_output_size,
      on_stdout = context.on_stdout,
      on_stderr = context.on_stderr,
      keep_output = true,
    }, wanted.max_fetch_size)
  end,
}
