-- Ruby.
return {
  name = "ruby",
  aliases = { "rb" },
  file = "main.rb",
  extensions = { "rb" },
  programs = { "ruby" },
  version = { "ruby", "--version" },
  run = { "ruby", "-I{folder}", "{folder}/{file}" },
}
