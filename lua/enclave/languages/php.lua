-- PHP.
return {
  name = "php",
  file = "main.php",
  extensions = { "php" },
  programs = { "php" },
  version = { "php", "--version" },
  run = { "php", "-d", "memory_limit={heap}M", "-d", "display_errors=stderr",
    "{folder}/{file}" },
}
