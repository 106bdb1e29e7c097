-- Lean 4: what has a main is run; else the file is checked, and its #eval and errors shown.
return {
  name = "lean",
  aliases = { "lean4" },
  file = "main.lean",
  extensions = { "lean" },
  detect = function(code)
    return { mode = ("\n" .. code):find("\n%s*def%s+main%f[^%w_']") and "--run" or "--quiet" }
  end,
  programs = { "lean" },
  version = { "lean", "--version" },
  run_timeout = 60,
  run = { "lean", "{mode}", "{file}" },
}
