-- C17, optimised, with the mathematics library.
return {
  name = "c",
  aliases = { "gcc" },
  file = "main.c",
  extensions = { "c" },
  programs = { "gcc" },
  version = { "gcc", "-dumpfullversion" },
  build = { "gcc", "-O2", "-std=gnu17", "-pthread", "-I.", "-o", "main", "{sources}", "-lm" },
  artifacts = { "main" },
  run = { "{folder}/main" },
}
