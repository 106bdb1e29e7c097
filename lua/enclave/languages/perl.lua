-- Perl.
return {
  name = "perl",
  aliases = { "pl" },
  file = "main.pl",
  extensions = { "pl", "pm" },
  programs = { "perl" },
  version = { "perl", "-e", "print $^V" },
  run = { "perl", "-I{folder}", "{folder}/{file}" },
}
