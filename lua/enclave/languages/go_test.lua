-- The tests of a Go package; see go.lua.
local go_module = require "enclave.multi_code.go_module"

return {
  name = "go_test",
  aliases = { "gotest" },
  file = "main_test.go",
  extensions = { "go" },
  defaults = go_module.files,
  env = go_module.env,
  programs = { "go" },
  version = { "go", "version" },
  build = { "go", "test", "-c", "-o", "main.test", "." },
  artifacts = { "main.test" },
  run = { "{folder}/main.test", "-test.v" },
}
