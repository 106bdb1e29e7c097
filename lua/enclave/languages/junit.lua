-- JUnit 4: every class with a @Test in some file is run.
local java_source = require "enclave.multi_code.java_source"

-- The library, where Debian has it and where people put it.
local function class_path(folder)
  return ("%s/junit4.jar:%s/hamcrest.jar"):format(folder, folder)
end

local function detect(code, files)
  local types = java_source.types(code)
  local named = java_source.first(types, function(one)
    return one.public
  end) or types[1]
  local tests = {}
  local texts = java_source.contents(files, ".java")
  table.insert(texts, 1, code)
  for _, text in ipairs(texts) do
    for _, one in ipairs(java_source.types(text)) do
      if one.body:find("@Test%f[^%w_]") or one.body:find("extends%s+TestCase") then
        tests[#tests + 1] = one.full
      end
    end
  end
  return { name = named and named.name or "MainTest",
    tests = #tests > 0 and tests or { named and named.full or "MainTest" } }
end

local function variant(folder)
  local libraries = class_path(folder)
  return {
    programs = { "javac", "java", folder .. "/junit4.jar", folder .. "/hamcrest.jar" },
    build = { "javac", "-J-Xmx{heap}m", "-encoding", "UTF-8", "-nowarn", "-cp", libraries .. ":.",
      "-d", "classes", "{sources}" },
    run = { "java", "-Xmx{heap}m", "-Dfile.encoding=UTF-8", "-cp", libraries .. ":{folder}/classes",
      "org.junit.runner.JUnitCore", "{tests}" },
  }
end

return {
  name = "junit",
  aliases = { "junit4" },
  file = "{name}.java",
  extensions = { "java" },
  detect = detect,
  version = { "javac", "-version" },
  artifacts = { "classes" },
  variants = { variant("/usr/share/java"), variant("/usr/local/share/java") },
}
