-- Names of files, globs, and what restricts tools: the parts that need no sandbox.
local core = require "enclave.core"
local glob = require "enclave.files.glob"
local names = require "enclave.files.names"

describe("a glob", function()
  local cases = {
    { "*.txt", "a.txt .txt", "a.txt.x a/b.txt" },
    { "a?c", "abc aüc", "ac abbc a/c" },
    { "[a-c]x", "ax cx", "dx x /x" },
    { "[!a-c]x", "dx", "ax /x" },
    { "[^a]", "b", "a" },
    { "[]]", "]", "a" },
    { "[ab", "[ab", "a" },
    { "[%w]", "w %", "x" },
    { "**/*.py", "a.py b/a.py b/c/a.py", "a.pyc b/a.txt" },
    { "a/**", "a/b a/b/c", "a b/a" },
    { "a/**/b", "a/b a/x/b a/x/y/b", "a/xb ab a/x/yb" },
    { "a/**/b/**/c", "a/b/c a/b/x/c a/x/b/c a/x/b/y/z/c", "a/c a/b" },
    { "*/x/*", "a/x/b", "a/y/b a/x/b/c x/b" },
    { "*a*b*", "ab xaxbx", "ba a/b" },
    { "a.b+c-%", "a.b+c-%", "axb+c-%" },
    { "**", "a a/b", "" },
    { "a*", "a abc", "ba a/" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      local matches = glob.matcher(case[1])
      for path in case[2]:gmatch("%S+") do
        assert.is_true(matches(path), path)
      end
      for path in case[3]:gmatch("%S+") do
        assert.is_false(matches(path), path)
      end
    end)
  end

  it("does not take long, whatever it is given", function()
    local started = core.now()
    assert.is_false(glob.matcher(("*a"):rep(50) .. "b")(("a"):rep(2000)))
    assert.is_false(glob.matcher(("**/a*"):rep(20) .. "b")(("a/"):rep(1000)))
    assert.is_true(core.now() - started < 20)
  end)
end)

describe("a name below the work folder", function()
  it("is no path out of it", function()
    for _, name in ipairs({ "a", "a/b", "./a", "...", "a..b", ".hidden", "-rf", "a b\n", "*" }) do
      assert.is_nil(names.problem(name))
    end
    for name, problem in pairs({ [""] = "expected the name", ["/a"] = "is absolute",
      [".."] = 'has ".."', ["../a"] = 'has ".."', ["a/../b"] = 'has ".."', ["a/.."] = 'has ".."',
      ["a\0b"] = "zero bytes", ["a/"] = "is a folder", ["."] = "is a folder",
      ["./"] = "is a folder" }) do
      assert.matches(problem, names.problem(name), 1, true)
    end
    assert.matches("got number 5", names.problem(5), 1, true)
  end)

  it("is made absolute as text", function()
    for path, absolute in pairs({ ["a"] = "/w/a", ["../a"] = "/a", ["/a/./b//c/.."] = "/a/b",
      ["../../.."] = "/", ["."] = "/w" }) do
      assert.equal(absolute, names.absolute(path, "/w"))
    end
    assert.is_true(names.within("/a/b", "/a"))
    assert.is_true(names.within("/a", "/a"))
    assert.is_true(names.within("/a", "/"))
    assert.is_false(names.within("/ab", "/a"))
  end)
end)
