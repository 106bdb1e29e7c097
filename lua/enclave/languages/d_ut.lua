-- D: the unit tests of all files are run, then main() where there is one.
return {
  name = "d_ut",
  aliases = { "d", "dlang" },
  file = "main.d",
  extensions = { "d" },
  artifacts = { "main" },
  run = { "{folder}/main" },
  variants = {
    { programs = { "ldc2" }, version = { "ldc2", "--version" },
      build = { "ldc2", "-unittest", "-main", "-of=main", "{sources}" } },
    { programs = { "dmd" }, version = { "dmd", "--version" },
      build = { "dmd", "-unittest", "-main", "-of=main", "{sources}" } },
    { programs = { "gdc" }, version = { "gdc", "-dumpversion" },
      build = { "gdc", "-funittest", "-fmain", "-o", "main", "{sources}" } },
  },
}
