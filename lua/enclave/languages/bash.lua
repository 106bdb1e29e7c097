-- Bash.
return {
  name = "bash",
  aliases = { "sh", "shell" },
  file = "main.sh",
  extensions = { "sh" },
  programs = { "bash" },
  version = { "bash", "--version" },
  run = { "bash", "{folder}/{file}" },
}
