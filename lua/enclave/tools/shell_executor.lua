-- Runs a command: a string goes to the shell, a list is a program and its arguments and meets
-- no shell.
local program_tool = require "enclave.program_tool"
local restrict = require "enclave.restrict"

local config = restrict.config("timeout", "max_output_size", "max_fetch_size", "allowed_commands",
  "blocked_commands")
config.properties.shell_path = { type = "string", minLength = 1, default = "sh",
  description = "The shell, such as /bin/bash; only sh is kept running" }

return {
  name = "shell_executor",
  version = "1.1.0",
  api = 1,
  description = "Run a shell command, or a program with a list of arguments",
  parameters = program_tool.parameters({
    command = {
      description = "A command line for sh, or a list: a program and its arguments",
      anyOf = {
        { type = "string", minLength = 1 },
        { type = "array", minItems = 1, items = { type = "string" } },
      },
    },
  }, { "command" }),
  config = config,
  sandbox_types = { "docker", "docker_notebook" },
  warm = { "sh" },
  execute = function(sandbox, params, context)
    local problem = restrict.commands(params.command, context.config)
    if problem then
      return { status = "error", error = problem }
    elseif type(params.command) == "table" then
      return program_tool.run(sandbox, params, context, { argv = params.command })
    end
    return program_tool.run(sandbox, params, context, {
      interpreter = "sh",
      program = context.config.shell_path,
      code = params.command,
    })
  end,
}
