-- SQL, by SQLite, in a database in memory. Ends at the first error.
return {
  name = "sqlite",
  aliases = { "sql", "sqlite3" },
  file = "main.sql",
  programs = { "sqlite3" },
  version = { "sqlite3", "--version" },
  run = { "sqlite3", "-batch", "-bail", ":memory:", ".read '{file}'" },
}
