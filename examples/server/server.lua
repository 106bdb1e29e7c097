-- Options of `enclave-lua serve --config server.lua`; what is left out has its default. All of them
-- are in the API reference: ServerOptions, and drain (seconds); HttpPolicy; ManagerOptions. The key
-- comes from ENCLAVE_API_KEY, so that it stands in no file that others can read.
return {
  host = "127.0.0.1",
  port = 8000,
  policy = {
    allowed_images = { "python:3.11-slim", "node:*" },
    max_memory = "1g",
    max_cpu = 2,
    max_timeout = 60,
    max_sandboxes = 32,
  },
  manager = { log_level = "info" },
}
