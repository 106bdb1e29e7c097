-- A secret of the host for one run: it is in that run's environment and in nothing that comes
-- back, even when the program prints it.
local program = [[
import hashlib, hmac, os, sys
key = os.environ["SIGNING_KEY"]
print(hmac.new(key.encode(), sys.stdin.buffer.read(), hashlib.sha256).hexdigest()[:16])
print("signed with", key)
]]

return {
  name = "sign",
  version = "1.0.0",
  api = 1,
  description = "Sign a text with the key of this host",
  parameters = {
    type = "object",
    required = { "text" },
    additionalProperties = false,
    properties = { text = { type = "string", description = "What to sign" } },
  },
  secrets = { "SIGNING_KEY" },
  warm = { "python3" },
  execute = function(sandbox, params, context)
    return sandbox:run{ interpreter = "python3", code = program, stdin = params.text,
      env = context.secrets }
  end,
}
