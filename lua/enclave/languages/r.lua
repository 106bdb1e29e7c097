-- R.
return {
  name = "r",
  aliases = { "rscript", "rlang" },
  file = "main.R",
  extensions = { "R", "r" },
  programs = { "Rscript" },
  version = { "Rscript", "--version" },
  run = { "Rscript", "--vanilla", "{folder}/{file}" },
}
