-- Bash.
return {
  name = "bash",
  aliases = { "sh", "shell" },
  file = "main.sh",
  extensions = { "sh" },
  address_space = true,
  programs = { "bash" },
  version = { "bash", "--version" },
  run = { "bash", "{folder}/{file}" },
}
