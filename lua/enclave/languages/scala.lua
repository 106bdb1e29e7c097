-- Scala: the object with main(), or that extends App, is run; in Scala 3 also @main.
local java_source = require "enclave.multi_code.java_source"

local function detect(code, files)
  local texts = java_source.contents(files, ".scala")
  table.insert(texts, 1, code)
  for _, text in ipairs(texts) do
    local package
    for line in text:gmatch("[^\n]+") do
      package = package or line:match("^%s*package%s+([%w_.]+)")
    end
    local prefix = package and package .. "." or ""
    local name = text:match("object%s+([%w_]+)%s+extends%s+App%f[^%w_]")
      or text:match("@main%s+def%s+([%w_]+)")
    local at = text:find("def%s+main%s*%(")
    if not name and at then
      name = text:sub(1, at):match("^.*object%s+([%w_]+)")
    end
    if name then
      return { class = prefix .. name }
    end
  end
  return { class = "Main" }
end

return {
  name = "scala",
  file = "main.scala",
  extensions = { "scala" },
  detect = detect,
  build_timeout = 60,
  artifacts = { "classes" },
  version = { "scalac", "-version" },
  build = { { "mkdir", "-p", "classes" },
    { "scalac", "-J-Xmx{heap}m", "-d", "classes", "{sources}" } },
  variants = {
    -- Without the start script, which takes longer than the program.
    { programs = { "scalac", "java", "/usr/share/java/scala-library.jar" },
      run = { "java", "-Xmx{heap}m", "-Xss64m", "-cp",
        "{folder}/classes:/usr/share/java/scala-library.jar", "{class}" } },
    { programs = { "scalac", "scala" },
      run = { "scala", "-J-Xmx{heap}m", "-cp", "{folder}/classes", "{class}" } },
  },
}
