-- The parts of multi_code_executor that need no sandbox: the languages' data files and their
-- check, detection of classes, comparing outputs, the build cache.
local build_cache = require "enclave.multi_code.build_cache"
local compare = require "enclave.multi_code.compare"
local core = require "enclave.core"
local java_source = require "enclave.multi_code.java_source"
local languages = require "enclave.multi_code.languages"
local support = require "spec.support"

-- What the executor has to know, by the names that graders use.
local promised = [[python pytest cpp c csharp go go_test java junit nodejs ts jest rust php bash
  lua r perl d_ut ruby scala julia kotlin_script verilog lean swift racket sqlite
  js javascript typescript c++ golang py R D_ut sql kotlin sh]]

describe("the languages", function()
  it("are all right, each in its own file", function()
    local count = 0
    for _, item in ipairs(core.scandir("lua/enclave/languages")) do
      local name = item.name:match("^(.*)%.lua$")
      if name then
        local language, problem = languages.load("lua/enclave/languages/" .. item.name)
        assert.is_nil(problem)
        assert.equal(name, language.name)
        count = count + 1
      end
    end
    assert.equal(28, count)
  end)

  it("have the names that were promised, and no alias twice", function()
    local set = languages.set()
    for name in promised:gmatch("%S+") do
      assert(set:find(name))
    end
    local owner = {}
    for _, language in ipairs(set:list()) do
      for _, alias in ipairs({ language.name, table.unpack(language.aliases) }) do
        assert.is_nil(owner[alias], alias)
        owner[alias] = language.name
      end
    end
  end)
end)

describe("a language's data file", function()
  it("is known by tools --check for what it is", function()
    local check = require "enclave.plugins.check"
    local report = check.file("examples/custom_language/languages/awk.lua")
    assert.same({}, report.findings)
    assert.equal("language", report.kind)
    assert.equal("awk", report.name)
  end)

  local folder
  before_each(function()
    folder = support.folder()
  end)
  after_each(function()
    folder:remove()
  end)

  local good = 'name = "x", file = "main.x", programs = { "x" }, run = { "x", "{file}" }'
  it("is told of all its faults at once", function()
    local path = folder:write("mine.lua",
      'return { name = "x",\n  programs = "x",\n  rum = { "x" } }')
    local report = require("enclave.plugins.check").file(path)
    local lines = {}
    for i, finding in ipairs(report.findings) do
      lines[i] = ("%d: %s"):format(finding.line, finding.message)
    end
    assert.same({ "1: file: missing; expected a string",
      '2: programs: expected a list of strings, got string "x"',
      '3: rum: unknown field; did you mean "run"?' }, lines)
  end)

  local faults = {
    ["return {"] = "mine.lua:1: ",
    ["return 5"] = "expected the file to return a table",
    ['return { file = "x" }'] = "name: missing; expected a string",
    ['return { name = "x" }'] = "file: missing; expected a string",
    ['return { name = "x y", file = "f" }'] = 'name: expected letters, digits',
    ['return { name = "x", file = "f" }'] = "run: missing",
    ['return { name = "x", file = "f", run = { "x" } }'] = "programs: missing",
    ["return { " .. good .. ", bild = {} }"] = 'bild: unknown field; did you mean "build"?',
    ["return { " .. good .. ", aliases = 5 }"] = "aliases: expected a list of strings",
    ["return { " .. good .. ",\n  aliases = { 5 } }"] =
      "mine.lua:2: aliases[1]: expected a string, got number 5",
    ["return { " .. good .. ", build = { \"x\" } }"] = "artifacts: missing",
    ["return { " .. good .. ", build = 5 }"] = "build: expected a command or a list of commands",
    ["return { " .. good .. ", build = { { \"x\" }, {} }, artifacts = {} }"] =
      "build[2]: expected a program and its arguments",
    ["return { " .. good .. ", build_timeout = -1 }"] = "build_timeout: expected seconds",
    ["return { " .. good .. ", env = { A = 5 } }"] = "env.A: expected a string, got number 5",
    ["return { " .. good .. ", detect = {} }"] = "detect: expected a function, got a table",
    ["return { " .. good .. ", version = {} }"] = "version: expected a program",
    ["return { " .. good .. ", variants = {} }"] = "variants: expected at least one",
    ["return { " .. good .. ", variants = { 5 } }"] = "variants[1]: expected a table, got number 5",
    ["return { " .. good .. ", variants = { { file = \"x\" } } }"] =
      "variants[1].file: unknown field",
    ["return { " .. good .. ", variants = { { run = { \"{fil}\" } } } }"] =
      "variants[1].run[1]: unknown word {fil}; known: args, file, folder, heap, sources, stem",
    ['return { name = "x", file = "f", programs = { "x" }, run = { "x", "-f{args}" } }'] =
      "run[2]: {args} stands for several arguments and must stand alone",
  }
  for text, expected in pairs(faults) do
    it("is told: " .. expected, function()
      local path = folder:write("mine.lua", text)
      local language, problem = languages.load(path)
      assert.is_nil(language)
      assert.matches(path, problem, 1, true)
      assert.matches(expected, problem, 1, true)
    end)
  end

  it("adds a language, replaces one, and does not spoil the others", function()
    folder:write("mine.lua", "return { " .. good .. ', aliases = { "mine" } }')
    folder:write("python.lua", "return { " .. good:gsub('"x", file', '"python", file') .. " }")
    folder:write("wrong.lua", "return { nam = 5 }")
    local log = {}
    core.configure({ on_log = function(_, line)
      log[#log + 1] = line
    end })
    finally(function()
      core.configure({ on_log = function() end })
    end)
    local set = languages.set({ folder.path })
    assert.equal("x", assert(set:find("mine")).name)
    assert.equal("main.x", assert(set:find("python")).file)
    assert.equal("main.cpp", assert(set:find("cpp")).file)
    local none, err = set:find("nothing like it")
    assert.is_nil(none)
    assert.matches("wrong.lua", err.message, 1, true)
    support.eventually(function()
      return table.concat(log, "\n"):find("wrong.lua", 1, true)
    end, "a line in the log")
    assert.equal("main.py", assert(languages.set():find("python")).file)
  end)

  it("is read again when it changes, and keeps its old version when it breaks", function()
    folder:write("mine.lua", "return { " .. good .. " }")
    assert.equal("main.x", assert(languages.set({ folder.path }):find("x")).file)
    folder:write("mine.lua", "return { " .. good:gsub("main.x", "changed.x") .. " }")
    support.eventually(function()
      return languages.set({ folder.path }):find("x").file == "changed.x"
    end, "the new version")
    folder:write("mine.lua", "return {")
    support.eventually(function()
      return #languages.set({ folder.path }).files.problems == 1
    end, "the problem")
    assert.equal("changed.x", assert(languages.set({ folder.path }):find("x")).file)
  end)
end)

describe("classes of Java", function()
  local java = assert(languages.load("lua/enclave/languages/java.lua"))
  local main = "public static void main(String[] args) {}"
  for code, expected in pairs({
    ["public class A { " .. main .. " }"] = { "A", "A" },
    ["class B { " .. main .. " } public class A { }"] = { "A", "B" },
    ["class A { } class B { " .. main .. " }"] = { "B", "B" },
    ["package a.b; public final class A { static class C {} " .. main .. " }"] = { "A", "a.b.A" },
    ["// public class X {\n/* class Y { */ class A { String s = \"class Z {\"; char c = '\"'; "
      .. main .. " }"] = { "A", "A" },
    ["import java.util.*; @SuppressWarnings(\"{\") public class A<T extends Object> { " .. main
      .. " }"] = { "A", "A" },
    ["interface I { void f(); } record P(int x) { } enum E { X { } } public class A { " .. main
      .. " }"] = { "A", "A" },
    [""] = { "Main", "Main" },
    ["class A {"] = { "Main", "Main" },
  }) do
    it("are found in " .. code:sub(1, 50), function()
      local words = java.detect(code, {})
      assert.same(expected, { words.name, words.class })
    end)
  end

  it("are found in other files too", function()
    local words = java.detect("class A { }", { ["B.java"] = "class B { " .. main .. " }" })
    assert.same({ "A", "B" }, { words.name, words.class })
  end)

  it("with tests are all run", function()
    local junit = assert(languages.load("lua/enclave/languages/junit.lua"))
    local words = junit.detect("public class A { @Test public void a() {} }",
      { ["b/B.java"] = "package b; class B { @Test void x() {} }", ["C.java"] = "class C {}" })
    assert.same({ "A", { "A", "b.B" } }, { words.name, words.tests })
  end)

  it("are no trouble when the text is none", function()
    for _, text in ipairs({ "{{{{", "}}}}", '"', "'", "/*", "//", '"""', "class", "class {",
      "\0", ("{"):rep(100000), ('"'):rep(100000), ("class "):rep(20000) }) do
      assert.is_table(java_source.types(text))
    end
  end)
end)

describe("comparing", function()
  local function same(expected, output, how, tolerance)
    assert.is_nil(compare.difference(expected, output, how or "lines", tolerance))
  end
  local function differs(message, expected, output, how, tolerance)
    assert.equal(message, compare.difference(expected, output, how or "lines", tolerance))
  end

  it("by lines lets white space at the ends be", function()
    same("a\nb", "a\nb\n")
    same("a\nb\n\n\n", "a  \r\nb\t")
    same("", "\n\n")
    differs('line 1, column 1: expected "a", got " a"', "a", " a")
    differs('line 2, column 2: expected "bc", got "bd"', "a\nbc\n", "a\nbd\n")
    differs('line 2: expected "b", got the end of the output', "a\nb", "a\n")
    differs('line 2: expected the end of the output, got "b"', "a", "a\nb")
    differs('line 2, column 1: expected "", got "x"', "a\n\nb", "a\nx\nb")
  end)

  it("exactly counts every byte", function()
    same("a\n", "a\n", "exact")
    differs('line 2: expected "", got the end of the output', "a\n", "a", "exact")
    differs('line 1, column 2: expected "a", got "a "', "a\n", "a \n", "exact")
    differs('line 1, column 2: expected "a", got "a\\r"', "a\n", "a\r\n", "exact")
  end)

  it("by tokens lets all white space be, and numbers be near", function()
    same("1 2 3", " 1\n2\t3 ", "tokens")
    differs('token 2, line 2: expected "2", got "x"', "1 2", "1\nx", "tokens")
    differs('token 2: expected "2", got the end of the output', "1 2", "1", "tokens")
    differs('token 2, line 3: expected the end of the output, got "2"', "1", "1\n\n2", "tokens")
    same("0.1 1e6 x", "0.1000001 1000000.5 x", "lines", 1e-6)
    differs('token 1, line 1: expected "0.1", got "0.11"', "0.1", "0.11", "lines", 1e-6)
    differs('token 1, line 1: expected "1", got "nan"', "1", "nan", "lines", 1e-6)
    for wanted, got in pairs({ ["9223372036854775807"] = "-9223372036854775808",
      ["-9223372036854775807"] = "3", ["1e999"] = "5" }) do
      differs(('token 1, line 1: expected "%s", got "%s"'):format(wanted, got), wanted, got,
        "lines", 1e-6)
    end
    differs('token 1, line 1: expected "9007199254740993", got "9007199254740992"',
      "9007199254740993", "9007199254740992", "lines", 0)
    same("9007199254740993", "9007199254740992", "lines", 1e-9)
  end)

  it("takes no longer for output that was made to take long", function()
    local started = core.now()
    for _, piece in ipairs({ " ", "\n", "\t \r", "x", " x" }) do
      local text = piece:rep((1 << 20) // #piece)
      for _, how in ipairs({ "lines", "exact", "tokens" }) do
        assert.is_string(compare.difference(text .. "y", text .. "z", how))
      end
    end
    assert.is_true(core.now() - started < 60)
  end)

  it("shows a short piece of long lines", function()
    local long = ("x"):rep(100000)
    local difference = compare.difference(long .. "a" .. long, long .. "b" .. long, "lines")
    assert.matches("line 1, column 100001: expected …\"x+ax+\"…, got …\"x+bx+\"…", difference)
    assert.is_true(#difference < 200)
    for shift = 0, 3 do
      local text = ("a"):rep(shift) .. ("é€𝄞"):rep(100)
      for at = 1, 200, 7 do
        local other = text:sub(1, utf8.offset(text, at) - 1) .. "?" .. text
        assert.truthy(utf8.len(compare.difference(text, other, "lines")))
      end
    end
  end)
end)

describe("the build cache", function()
  it("tells apart whatever differs", function()
    local seen = {}
    for _, each in ipairs({ { { "a" }, {} }, { { "a", "" }, {} }, { {}, { a = "" } },
      { {}, { a = "b" } }, { {}, { ab = "" } }, { { "a" }, { a = "b" } },
      { {}, { a = "", b = "" } }, { { "1", "2" }, {} }, { { "12" }, {} } }) do
      local key = build_cache.key(each[1], each[2])
      assert.is_nil(seen[key])
      seen[key] = true
    end
    assert.equal(build_cache.key({ "x" }, { a = "1", b = "2" }),
      build_cache.key({ "x" }, { b = "2", a = "1" }))
  end)

  local function built(size)
    return { archive = ("x"):rep(size), stdout = "", stderr = "" }
  end

  it("is bounded, and lets go of what was not used for longest", function()
    local cache = build_cache.of({}, 1000)
    for i = 1, 4 do
      cache:put("key" .. i, built(196))
    end
    assert.equal(800, cache.used)
    assert.is_table(cache:get("key1"))
    cache:put("key5", built(196))
    cache:put("key6", built(196))
    assert.equal(1000, cache.used)
    assert.is_table(cache:get("key1"))
    assert.is_nil(cache:get("key2"))
    local new = built(3)
    cache:put("key1", new)
    assert.equal(new, cache:get("key1"))
    cache:put("large", built(600))
    assert.is_nil(cache:get("large"))
    cache:resize(0)
    assert.equal(0, cache.used)
    assert.is_nil(cache:get("key1"))
  end)

  it("belongs to one manager", function()
    local kept = {}
    assert.equal(build_cache.of(kept), build_cache.of(kept))
    assert.are_not.equal(build_cache.of(kept), build_cache.of({}))
  end)
end)
