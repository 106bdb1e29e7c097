-- Swift; statements outside of functions belong into main.swift.
return {
  name = "swift",
  file = "main.swift",
  extensions = { "swift" },
  build_timeout = 60,
  env = { CLANG_MODULE_CACHE_PATH = "{folder}/.cache/clang" },
  programs = { "swiftc" },
  version = { "swiftc", "--version" },
  build = { "swiftc", "-O", "-o", "main", "{sources}" },
  artifacts = { "main" },
  run = { "{folder}/main" },
}
