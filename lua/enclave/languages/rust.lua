-- Rust 2021, one crate: other files are its modules.
return {
  name = "rust",
  aliases = { "rs" },
  file = "main.rs",
  programs = { "rustc" },
  version = { "rustc", "--version" },
  build = { "rustc", "--edition", "2021", "-O", "-o", "main", "{file}" },
  artifacts = { "main" },
  run = { "{folder}/main" },
}
