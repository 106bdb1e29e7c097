local run_spec = require "enclave.run_spec"

local function exec(spec)
  return run_spec.exec("sandbox.run", spec, function() return "/place" end,
    function(file) return file end)
end

describe("what sandbox:run asks of the core", function()
  it("is a file for python", function()
    assert.same({ argv = { "python3", "/place/main.py", "a" }, code = "x = 1",
      code_path = "main.py", warm = "python3", timeout = 2 },
      exec({ interpreter = "python3", code = "x = 1", args = { "a" }, timeout = 2 }))
  end)

  it("is an argument for the shells, a file when it is long", function()
    assert.same({ argv = { "sh", "-c", "echo", "sh", "a" }, warm = "sh" },
      exec({ interpreter = "sh", code = "echo", args = { "a" } }))
    assert.same({ argv = { "sh", "-c", "echo" }, warm = "sh" }, exec({ command = "echo" }))
    local long = exec({ interpreter = "bash", code = ("#"):rep(200000) })
    assert.same({ "bash", "/place/main.sh" }, long.argv)
    assert.equal(200000, #long.code)
  end)

  it("is a script that is there already", function()
    assert.same({ argv = { "node", "app.js" } }, exec({ interpreter = "node", file = "app.js" }))
  end)

  it("is a plain list, with the rest passed on", function()
    assert.same({ argv = { "id", "-u" }, stdin = "x", user = "root", cwd = "/",
      env = { A = "b" } },
      exec({ argv = { "id", "-u" }, stdin = "x", user = "root", cwd = "/", env = { A = "b" } }))
  end)

  it("is refused with a reason", function()
    local cases = {
      [{}] = "expected one of interpreter, command and argv, got none",
      [{ command = "a", argv = { "b" } }] = "got several",
      [{ interpreter = "pyton3", code = "" }] = 'did you mean "python3"?',
      [{ interpreter = "python3" }] = "expected one of code and file",
      [{ interpreter = "python3", code = "", file = "" }] = "expected one of code and file",
      [{ argv = {} }] = "argv: expected a program",
      [{ argv = { "a" }, args = { "b" } }] = "args: belong into argv",
      [{ command = "a", code = "b" }] = "need an interpreter",
      [{ command = "a\0b" }] = "zero bytes",
      [{ argv = { "a", "b\0" } }] = "argv[2]: cannot have zero bytes",
      [{ command = "a", env = { ["A=b"] = "c" } }] = "cannot be the name of a variable",
      [{ command = "a", env = { A = "\0" } }] = "env.A: cannot have zero bytes",
    }
    for spec, message in pairs(cases) do
      local got, err = exec(spec)
      assert.is_nil(got)
      assert.equal("invalid", err.code)
      assert.matches(message, err.message, 1, true)
    end
  end)

  it("throws on wrong types and unknown options", function()
    for _, spec in ipairs({ { comand = "a" }, { command = 5 }, { argv = { 5 } },
      { command = "a", timeout = "5" },
      { command = "a", env = { A = 5 } }, { argv = { "a" }, on_stdout = 5 } }) do
      local ok, err = pcall(exec, spec)
      assert.is_false(ok)
      assert.equal("invalid", err.code)
    end
  end)
end)
