-- Racket, compiled to bytecode first.
return {
  name = "racket",
  aliases = { "rkt" },
  file = "main.rkt",
  extensions = { "rkt" },
  -- Compiled files count, however old their source says it is.
  env = { PLT_COMPILED_FILE_CHECK = "exists" },
  programs = { "racket", "raco" },
  version = { "racket", "--version" },
  build = { "raco", "make", "{file}" },
  artifacts = { "compiled", "*/compiled" },
  run = { "racket", "{folder}/{file}" },
}
