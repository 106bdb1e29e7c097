-- JavaScript on Node.js.
return {
  name = "nodejs",
  aliases = { "js", "javascript", "node" },
  file = "main.js",
  extensions = { "js", "mjs", "cjs" },
  programs = { "node" },
  version = { "node", "--version" },
  run = { "node", "--max-old-space-size={heap}", "{folder}/{file}" },
}
