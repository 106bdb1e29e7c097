-- Runs a command: a string goes to the shell, a list is a program and its arguments and meets
-- no shell.
local restrict = require "enclave.restrict"
local transfer = require "enclave.files.transfer"

local config = restrict.config("timeout", "max_output_size", "max_fetch_size", "allowed_commands",
  "blocked_commands")
config.properties.shell_path = { type = "string", minLength = 1, default = "sh",
  description = "The shell, such as /bin/bash; only sh is kept running" }

return {
  name = "shell_executor",
  version = "1.1.0",
  api = 1,
  description = "Run a shell command, or a program with a list of arguments",
  parameters = {
    type = "object",
    required = { "command" },
    additionalProperties = false,
    properties = {
      command = {
        description = "A command line for sh, or a list: a program and its arguments",
        anyOf = {
          { type = "string", minLength = 1 },
          { type = "array", minItems = 1, items = { type = "string" } },
        },
      },
      timeout = { type = "number", exclusiveMinimum = 0,
        description = "Seconds it may run; default: the sandbox's" },
      stdin = { type = "string", description = "What it reads from standard input" },
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
  warm = { "sh" },
  execute = function(sandbox, params, context)
    local wanted, is_line = context.config, type(params.command) == "string"
    local problem = restrict.commands(params.command, wanted)
    if problem then
      return { status = "error", error = problem }
    end
    return transfer.run(sandbox, params, {
      interpreter = is_line and "sh" or nil,
      program = is_line and wanted.shell_path or nil,
      code = is_line and params.command or nil,
      argv = not is_line and params.command or nil,
      timeout = params.timeout or wanted.timeout,
      stdin = params.stdin,
      env = params.env,
      cwd = params.cwd,
      max_output_size = wanted.max_output_size,
      on_stdout = context.on_stdout,
      on_stderr = context.on_stderr,
      keep_output = true,
    }, wanted.max_fetch_size)
  end,
}
