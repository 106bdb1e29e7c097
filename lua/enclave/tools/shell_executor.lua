-- Runs a command: a string goes to the shell, a list is a program and its arguments and meets
-- no shell.
return {
  name = "shell_executor",
  version = "1.0.0",
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
      cwd = { type = "string", minLength = 1, description = "Default: the work folder" },
    },
  },
  sandbox_types = { "docker" },
  warm = { "sh" },
  execute = function(sandbox, params, context)
    local is_line = type(params.command) == "string"
    return sandbox:run{
      command = is_line and params.command or nil,
      argv = not is_line and params.command or nil,
      timeout = params.timeout or context.config.timeout,
      stdin = params.stdin,
      env = params.env,
      cwd = params.cwd,
      on_stdout = context.on_stdout,
      on_stderr = context.on_stderr,
      keep_output = true,
    }
  end,
}
