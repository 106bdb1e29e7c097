-- Texts that clients and sandboxes make up: the time that they take grows with their length, and
-- not with its square, which one megabyte would turn into hours in which nothing else goes on.
local cli_exec = require "enclave.cli.exec"
local records = require "enclave.files.records"
local restrict = require "enclave.restrict"
local toolchain = require "enclave.multi_code.toolchain"
local walk = require "enclave.files.walk"

local length = 1000000
local limit = 30 -- seconds of processor time; hours when it is the square

local function long(text)
  return text:rep(length // #text)
end

local function soon(fn)
  local began = os.clock()
  local value = fn()
  assert.is_true(os.clock() - began < limit)
  return value
end

local function language(name)
  return dofile((assert(package.searchpath("enclave.languages." .. name, package.path))))
end

-- A sandbox in which every program ends well and has this output.
local function printing(text)
  return { run = function()
    return { status = "exited", exit_code = 0, stdout = text, stderr = "" }
  end }
end

describe("a long text", function()
  it("has records, and none without an end", function()
    local found = {}
    for record in records.each("a\0\0b c\0rest", "\0") do
      found[#found + 1] = record
    end
    assert.same({ "a", "", "b c" }, found)
    for _, text in ipairs({ long "1", long "a b", long "\n" }) do
      soon(function()
        for _ in records.each(text, "\0") do
          error("there is none")
        end
      end)
    end
    assert.same({ {} }, { soon(function()
      return walk.list(printing(long "x"), "/")
    end) })
  end)

  it("ends without white space", function()
    assert.same({ "a b", "", "x" }, { records.trim("a b \n"), records.trim(" \n\t"),
      records.trim("x") })
    assert.equal(length + 1, #soon(function()
      return records.trim(long " " .. "x")
    end))
  end)

  it("is the code of a program", function()
    local lean, scala = language("lean").detect, language("scala").detect
    for _, text in ipairs({ long "\n", long " ", long "x", long "def " }) do
      assert.equal("--quiet", soon(function()
        return lean(text).mode
      end))
      assert.equal("Main", soon(function()
        return scala(text .. " def main(", {}).class
      end))
    end
    assert.same({ "--run", "--run", "--quiet" }, { lean("def main : IO Unit").mode,
      lean("import A\r\n  def  main := 1").mode, lean("def main' := 1\n-- def main").mode })
    assert.same({ "a.b.One", "Two", "c.Three" }, { scala("package a.b\nobject One extends App", {})
      .class, scala("object Two {\n  def main(", {}).class,
      scala("\n\n package c\nobject X {}\nobject Three {\n  def main (", {}).class })
  end)

  it("is a command", function()
    local config = { blocked_commands = { "rm" } }
    for _, command in ipairs({ "rm", "/bin/rm x", "true; ./a/b/rm", "'r'm" }) do
      assert.equal("the command rm is blocked here", restrict.commands(command, config))
    end
    assert.is_nil(restrict.commands("rm/", config))
    for _, text in ipairs({ long "x", long "x/", long "x" .. "/" }) do
      assert.is_nil(soon(function()
        return restrict.commands(text, config)
      end))
    end
  end)

  it("is what Python imports", function()
    local config = { blocked_modules = { "os" } }
    for _, code in ipairs({ "import os", "import json, ( os", "if x: import os" }) do
      assert.equal("the module os is blocked here", restrict.modules(code, config))
    end
    for _, text in ipairs({ long " ", long "x ", long "import ", long ": " }) do
      assert.is_nil(soon(function()
        return restrict.modules("import a," .. text .. ",", config)
      end))
    end
  end)

  it("is what a program says of its version", function()
    local function version(text)
      return toolchain.version(printing(text), { key = text:sub(1, 20) }, { name = "x" },
        { version = { "x" } })
    end
    assert.equal("x 1.2, of today", version("a\nx 1.2, of today\nb 2.3\n"))
    assert.equal("3.4", version("3.4"))
    assert.is_nil(soon(function()
      return version(long "1")
    end))
    assert.equal(200, #version(long "1" .. "1.2"))
  end)

  it("is what a program wrote before it was ended", function()
    local written, stderr = {}, io.stderr
    rawset(io, "stderr", { write = function(_, ...)
      table.insert(written, table.concat({ ... }))
    end })
    finally(function()
      rawset(io, "stderr", stderr)
    end)
    for _, text in ipairs({ long "x" .. "\n", long "x\n", "" }) do
      soon(function()
        cli_exec.show({ status = "timeout", output = "", error = text .. "timed out",
          metadata = {} }, { stdout = true, stderr = true })
      end)
    end
    assert.same({ "timed out\n", "timed out\n", "timed out\n" }, written)
  end)
end)
