-- Perl.
return {
  name = "perl",
  aliases = { "pl" },
  file = "main.pl",
  extensions = { "pl", "pm" },
  address_space = true,
  programs = { "perl" },
  version = { "perl", "-e", "print $^V" },
  run = { "perl", "-I{folder}", "{folder}/{file}" },
}
