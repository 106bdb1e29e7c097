return {
  name = "greet",
  version = "1.0.0",
  api = 1,
  description = "Greet somebody from inside a sandbox",
  parameters = {
    type = "object",
    required = { "who" },
    additionalProperties = false,
    properties = {
      who = { type = "string", minLength = 1, description = "Whom to greet" },
    },
  },
  warm = { "python3" },
  execute = function(sandbox, params)
    return sandbox:run{
      interpreter = "python3",
      code = "import sys; print('Hello,', sys.argv[1])",
      args = { params.who },
    }
  end,
}
