-- Python 3; the pool's warm interpreter serves it.
return {
  name = "python",
  aliases = { "py", "python3" },
  file = "main.py",
  extensions = { "py" },
  variants = {
    { programs = { "python3" }, version = { "python3", "--version" },
      run = { "python3", "{folder}/{file}" } },
    { programs = { "python" }, version = { "python", "--version" },
      run = { "python", "{folder}/{file}" } },
  },
}
