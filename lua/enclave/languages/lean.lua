-- Lean 4: what has a main is run; else the file is checked, and its #eval and errors shown.
return {
  name = "lean",
  aliases = { "lean4" },
  file = "main.lean",
  extensions = { "lean" },
  detect = function(code)
    for line in code:gmatch("[^\n]+") do
      if line:find("^%s*def%s+main%f[^%w_']") then
        return { mode = "--run" }
      end
    end
    return { mode = "--quiet" }
  end,
  programs = { "lean" },
  version = { "lean", "--version" },
  run_timeout = 60,
  run = { "lean", "{mode}", "{file}" },
}
