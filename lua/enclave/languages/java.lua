-- Java: the file is named after its public class, and the class with main() is run.
local java_source = require "enclave.multi_code.java_source"

local function has_main(one)
  return one.body:find("void%s+main%s*%(") ~= nil
end

local function detect(code, files)
  local types = java_source.types(code)
  local named = java_source.first(types, function(one)
    return one.public
  end) or java_source.first(types, has_main) or types[1]
  local main = java_source.first(types, has_main)
  for _, text in ipairs(java_source.contents(files, ".java")) do
    main = main or java_source.first(java_source.types(text), has_main)
  end
  return { name = named and named.name or "Main",
    class = main and main.full or named and named.full or "Main" }
end

return {
  name = "java",
  aliases = { "openjdk" },
  file = "{name}.java",
  extensions = { "java" },
  detect = detect,
  programs = { "javac", "java" },
  version = { "javac", "-version" },
  build = { "javac", "-J-Xmx{heap}m", "-encoding", "UTF-8", "-nowarn", "-d", "classes",
    "{sources}" },
  artifacts = { "classes" },
  run = { "java", "-Xmx{heap}m", "-Xss64m", "-Dfile.encoding=UTF-8",
    "-cp", "{folder}/classes:{folder}", "{class}" },
}
