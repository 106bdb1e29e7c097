-- AWK: a program is nothing but this file, found by its name or an alias.
return {
  name = "awk",
  aliases = { "mawk", "gawk" },
  file = "main.awk",
  programs = { "awk" },
  run = { "awk", "-f", "{folder}/{file}" },
}
