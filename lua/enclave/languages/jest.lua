-- The tests of one JavaScript file, by Jest; more files are there to be required.
return {
  name = "jest",
  file = "main.test.js",
  extensions = { "js", "mjs", "cjs" },
  defaults = { ["package.json"] = "{}\n" },
  programs = { "jest" },
  version = { "jest", "--version" },
  run = { "jest", "--ci", "--runInBand", "--watchman=false", "--cache=false", "{args}",
    "--runTestsByPath", "{file}" },
}
