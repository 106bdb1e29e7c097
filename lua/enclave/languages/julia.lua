-- Julia.
return {
  name = "julia",
  aliases = { "jl" },
  file = "main.jl",
  extensions = { "jl" },
  env = { JULIA_DEPOT_PATH = "{folder}/.julia:" },
  programs = { "julia" },
  version = { "julia", "--version" },
  run = { "julia", "--startup-file=no", "{folder}/{file}" },
}
