-- A Kotlin script, compiled on each run.
return {
  name = "kotlin_script",
  aliases = { "kotlin", "kts", "kt" },
  file = "main.kts",
  extensions = { "kts" },
  run_timeout = 60,
  programs = { "kotlinc", "java" },
  version = { "kotlinc", "-version" },
  run = { "kotlinc", "-J-Xmx{heap}m", "-nowarn", "-script", "{folder}/{file}", "{args}" },
}
