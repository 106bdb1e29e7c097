-- What tools_config can say to the built-in tools.
local enclave = require "enclave"
local restrict = require "enclave.restrict"
local support = require "spec.support"

describe("tools_config", function()
  local function sandbox(tools_config)
    return assert(enclave.sandbox{ image = support.image, tools_config = tools_config })
  end

  it("refuses an option that the tool does not know, and a wrong type", function()
    local cases = {
      ['config.tools_config.shell_executor.timout: unknown; did you mean "timeout"?'] =
        { shell_executor = { timout = 5 } },
      ["config.tools_config.python_executor.timeout: expected more than 0, got number 0"] =
        { python_executor = { timeout = 0 } },
      ["config.tools_config.python_executor.blocked_modules: expected a list, got string \"os\""] =
        { python_executor = { blocked_modules = "os" } },
      ["config.tools_config.file_operation.max_file_size: expected an integer, got number 0.5"] =
        { file_operation = { max_file_size = 0.5 } },
    }
    for message, tools_config in pairs(cases) do
      local manager <close> = assert(enclave.manager())
      local none, err = manager:initialize_pool{ sandbox_type = "fake",
        config = { tools_config = tools_config } }
      assert.is_nil(none)
      assert.equal("invalid", err.code)
      assert.equal(message, err.message)
    end
  end)

  it("keeps an option that is false beside enabled", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    local path = folder:write("switch.lua", [[return { name = "switch", api = 1,
      config = { type = "object", properties = { on = { type = "boolean", default = true } } },
      execute = function(_, _, context) return tostring(context.config.on) end }]])
    local manager <close> = assert(enclave.manager{ tools = { path }, log_level = "error" })
    assert(manager:initialize_pool{ sandbox_type = "fake", config = { tools_config = {
      switch = { enabled = true, on = false } } } })
    assert.equal("false", manager:execute_tool_in_pool("switch").output)
  end)

  it("leaves out a tool that is not enabled", function()
    local box <close> = sandbox{ shell_executor = { enabled = true },
      python_executor = { enabled = false } }
    assert(box:execute_tool("shell_executor", { command = "true" }))
    local none, err = box:execute_tool("python_executor", { code = "" })
    assert.is_nil(none)
    assert.equal("not_found", err.code)
    assert.has_error(function()
      enclave.sandbox{ tools_config = { shell_executor = { enabled = "no" } } }
    end)
  end)

  it("sets deadlines, output limits and interpreters", function()
    local box <close> = sandbox{ shell_executor = { timeout = 0.3, max_output_size = 1000,
      shell_path = "/bin/bash" }, python_executor = { python_path = "/usr/bin/env",
      max_output_size = "2k" } }
    local result = assert(box:execute_tool("shell_executor", { command = "sleep 20" }))
    assert.equal("timeout", result.status)
    result = assert(box:execute_tool("shell_executor", { timeout = 10,
      command = "echo $0; head -c 5000 /dev/zero | tr '\\0' x" }))
    assert.matches("^/bin/bash\n", result.output)
    assert.is_true(result.metadata.truncated)
    assert.is_true(#result.output < 1500)
    assert.equal("error", assert(box:execute_tool("python_executor", { code = "1" })).status)
  end)

  it("bounds files and paths", function()
    local box <close> = sandbox{ file_operation = { allowed_paths = { ".", "/tmp" },
      blocked_paths = { "private" }, allowed_extensions = { ".txt", "md" }, max_file_size = 10 } }
    local function file(parameters)
      return assert(box:execute_tool("file_operation", parameters))
    end
    assert.equal("success", file({ operation = "write", path = "a.txt", content = "ten bytes!" })
      .status)
    assert.equal("success", file({ operation = "write", path = "/tmp/b.md", content = "" }).status)
    assert.equal("success", file({ operation = "list" }).status)
    assert(box:run{ command = "echo eleven bytes > /tmp/long.txt" })
    assert.equal("eleven byt", file({ operation = "read", path = "/tmp/long.txt", offset = 0 })
      .output)
    local refused = {
      { { operation = "write", path = "a.txt", content = "eleven byte" }, "at most 10" },
      { { operation = "read", path = "/tmp/long.txt", first_line = 1 }, "more than 10 bytes" },
      { { operation = "write", path = "a.py", content = "" }, "extension is not allowed" },
      { { operation = "write", path = "plain", content = "" }, "extension is not allowed" },
      { { operation = "read", path = "/etc/x.txt" }, "/etc/x.txt: is not allowed here" },
      { { operation = "list", path = "sub/../private/x" }, "is blocked here" },
      { { operation = "move", path = "a.txt", destination = "private/a.txt" }, "is blocked here" },
    }
    for _, case in ipairs(refused) do
      local result = file(case[1])
      assert.equal("error", result.status)
      assert.matches(case[2], result.error, 1, true)
    end
  end)

  it("blocks and allows modules and commands", function()
    local box <close> = sandbox{ python_executor = { blocked_modules = { "os", "xml.dom" } },
      shell_executor = { allowed_commands = { "echo", "cat" } } }
    local result = assert(box:execute_tool("python_executor", { code = "import json, os.path" }))
    assert.equal("error", result.status)
    assert.equal("the module os.path is blocked here", result.error)
    assert.equal("success", assert(box:execute_tool("python_executor",
      { code = "import xml.etree" })).status)
    result = assert(box:execute_tool("shell_executor", { command = "echo a | cat; ls" }))
    assert.equal("the command ls is not allowed here; allowed: echo, cat", result.error)
    assert.equal("a\n", assert(box:execute_tool("shell_executor",
      { command = "echo a | cat" })).output)
    assert.equal("error", assert(box:execute_tool("shell_executor",
      { command = { "/bin/ls" } })).status)
  end)
end)

describe("what restricts", function()
  it("sees the modules that a program imports", function()
    local function blocked(code)
      return restrict.modules(code, { blocked_modules = { "os" } }) ~= nil
    end
    for _, code in ipairs({ "import os", "import sys, os as o", "from os import path",
      "  from os.path import join", "x = 1; import os", "if x: import os",
      "__import__('os')", "importlib.import_module('os.path')" }) do
      assert.is_true(blocked(code), code)
    end
    for _, code in ipairs({ "import osmium", "# import os", "import sys", "from . import os",
      "important = 1", "print('os')" }) do
      assert.is_false(blocked(code), code)
    end
    assert.is_nil(restrict.modules("import os", {}))
    assert.matches("os is not allowed here; allowed: json",
      restrict.modules("import json, os", { allowed_modules = { "json" } }), 1, true)
  end)

  it("sees the commands of a line", function()
    local function blocked(command)
      return restrict.commands(command, { blocked_commands = { "rm", "git push" } }) ~= nil
    end
    for _, command in ipairs({ "rm x", "/bin/rm x", "echo a; rm x", "a && rm x", "a | rm",
      "A=b rm x", "if true; then rm x; fi", "sudo -n rm x", "echo $(rm x)", "echo `rm x`",
      "'rm' x", "echo a\nrm x", "git  push origin", { "rm", "x" }, { "/bin/rm" } }) do
      assert.is_true(blocked(command), tostring(command))
    end
    for _, command in ipairs({ "echo rm", "rmdir x", "./norm", "git pull", { "echo", "rm" } }) do
      assert.is_false(blocked(command), tostring(command))
    end
  end)
end)
