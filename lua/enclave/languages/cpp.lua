-- C++17, optimised.
return {
  name = "cpp",
  aliases = { "c++", "cxx", "cc", "g++" },
  file = "main.cpp",
  extensions = { "cpp", "cc", "cxx" },
  programs = { "g++" },
  version = { "g++", "-dumpfullversion" },
  build = { "g++", "-O2", "-std=gnu++17", "-pthread", "-I.", "-o", "main", "{sources}" },
  artifacts = { "main" },
  run = { "{folder}/main" },
}
