-- Runs a Python program: its text becomes main.py in the work folder.
return {
  name = "python_executor",
  version = "1.0.0",
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
    },
  },
  sandbox_types = { "docker" },
  warm = { "python3" },
  execute = function(sandbox, params, context)
    return sandbox:run{
      interpreter = "python3",
      code = params.code,
      timeout = params.timeout or context.config.timeout,
      stdin = params.stdin,
      args = params.args,
      env = params.env,
      on_stdout = context.on_stdout,
      on_stderr = context.on_stderr,
      keep_output = true,
    }
  end,
}
