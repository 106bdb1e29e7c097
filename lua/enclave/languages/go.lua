-- Go; a module of its own unless a go.mod is among the files. Packages that are not in the
-- standard library have to be among the files too.
local go_module = require "enclave.multi_code.go_module"

return {
  name = "go",
  aliases = { "golang" },
  file = "main.go",
  extensions = { "go" },
  defaults = go_module.files,
  env = go_module.env,
  programs = { "go" },
  version = { "go", "version" },
  build = { "go", "build", "-o", "main", "." },
  artifacts = { "main" },
  run = { "{folder}/main" },
}
