-- The tests of one Python file; more files are there to be imported.
return {
  name = "pytest",
  file = "test_main.py",
  extensions = { "py" },
  env = { PYTHONDONTWRITEBYTECODE = "1" },
  variants = {
    { programs = { "pytest" }, version = { "pytest", "--version" },
      run = { "pytest", "-p", "no:cacheprovider", "--color=no", "{args}", "{file}" } },
    { programs = { "pytest-3" }, version = { "pytest-3", "--version" },
      run = { "pytest-3", "-p", "no:cacheprovider", "--color=no", "{args}", "{file}" } },
  },
}
