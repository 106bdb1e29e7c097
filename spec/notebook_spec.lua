-- Notebooks: the built-in kernel and real IPython, by one contract, on an image that has IPython
-- and matplotlib (spec/languages_image.sh).
local base64 = require "enclave.base64"
local core = require "enclave.core"
local enclave = require "enclave"
local json = require "enclave.json"
local kernel_module = require "enclave.notebook.kernel"
local cell_outputs = require "enclave.notebook.outputs"
local support = require "spec.support"

local image = os.getenv("ENCLAVE_LANGUAGES_IMAGE") or support.image
local png = "\x89PNG\r\n\x1a\n rest"

for _, shell in ipairs({ "python", "ipython" }) do
  describe("a notebook with " .. shell, function()
    local box
    setup(function()
      box = assert(enclave.sandbox{ sandbox_type = "docker_notebook", image = image,
        tools_config = { file_operation = {},
          notebook_executor = { plain = shell == "python", max_output_size = 100000 } } })
      for _, kernel in ipairs({ "default", "other" }) do
        assert(box:execute_tool("notebook_executor", { code = "", kernel = kernel }))
      end
    end)
    teardown(function()
      box:close()
    end)

    local function cell(code, more)
      local parameters = { code = code, timeout = 60 }
      for name, value in pairs(more or {}) do
        parameters[name] = value
      end
      return assert(box:execute_tool("notebook_executor", parameters))
    end
    local function fine(code, more)
      local result = cell(code, more)
      assert.equal("success", result.status, result.error)
      return result
    end

    it("keeps names, imports and files from one call to the next", function()
      local result = fine("import json\nx = 41\nprint('text')\nx + 1")
      assert.equal("text\nResult: 42", result.output)
      assert.equal(shell, result.metadata.shell)
      assert.equal("Result: '[43]'", fine("x += 2; open('f', 'w').write('here')\n"
        .. "json.dumps([x])").output)
      assert.equal("Result: '[43]'", fine("_").output)
      assert.equal("", fine("x;").output)
      assert.equal("", fine("None").output)
      assert.equal("", fine("").output)
      assert.equal("here", assert(box:execute_tool("file_operation",
        { operation = "read", path = "f" })).output)
      assert.equal("Result: '__main__'", fine("__name__").output)
      assert.equal("Result: ['f']", fine("import os; os.listdir()").output)
    end)

    it("tells an error with its traceback", function()
      local result = cell("print('before')\ndef f():\n    return 1 / 0\nf()")
      assert.equal("error", result.status)
      assert.equal("before\n", result.output)
      assert.matches("ZeroDivisionError: division by zero", result.error, 1, true)
      assert.matches("return 1 / 0", result.error, 1, true)
      local last = result.metadata.outputs[#result.metadata.outputs]
      assert.equal("error", last.output_type)
      assert.equal("ZeroDivisionError", last.ename)
      assert.equal("division by zero", last.evalue)
      assert.is_true(#last.traceback > 2)
      assert.matches("SyntaxError", cell("syntax error (").error, 1, true)
      assert.matches("SystemExit: 3", cell("import sys; sys.exit(3)").error, 1, true)
      assert.matches("EOFError", cell("input()").error, 1, true)
    end)

    it("lists what a cell gives, in order, rich outputs too", function()
      local result = fine(([[
import os, sys
class Rich:
    def _repr_html_(self): return "<b>rich</b>"
    def _repr_png_(self): return bytes.fromhex("%s")
print("one", flush=True)
print("two", file=sys.stderr, flush=True)
display(Rich())
os.system("echo three")
Rich()]]):format((png:gsub(".", function(c)
        return ("%02x"):format(c:byte())
      end))))
      local streams, rich = {}, {}
      for _, output in ipairs(result.metadata.outputs) do
        if output.output_type == "stream" then
          streams[output.name] = (streams[output.name] or "") .. output.text
        else
          rich[#rich + 1] = output
        end
      end
      assert.same({ stdout = "one\nthree\n", stderr = "two\n" }, streams)
      assert.equal("two\n", result.error)
      assert.equal("display_data", rich[1].output_type)
      assert.equal("execute_result", rich[2].output_type)
      for _, output in ipairs(rich) do
        assert.equal("<b>rich</b>", output.data["text/html"])
        assert.equal(png, base64.decode(output.data["image/png"]))
        assert.matches("Rich", output.data["text/plain"], 1, true)
      end
      assert.matches('"outputs":%[%]', enclave.json.encode(fine("y = 1").metadata))
    end)

    it("shows each figure of matplotlib once, as PNG, with no display", function()
      local function images(code)
        local list = {}
        for _, output in ipairs(fine(code).metadata.outputs) do
          if output.data and output.data["image/png"] then
            local bytes = base64.decode(output.data["image/png"])
            assert.equal("\x89PNG\r\n\x1a\n", bytes:sub(1, 8))
            assert.matches("Figure", output.data["text/plain"], 1, true)
            list[#list + 1] = output.output_type
          end
        end
        return list
      end
      local shown = "display_data"
      assert.same({ shown }, images("import matplotlib.pyplot as plt\nplt.plot([1, 4, 9])\n"
        .. "plt.show()"))
      assert.same({ shown }, images("plt.plot([1, 2])"))
      assert.same({ shown, shown }, images("plt.plot([1])\nplt.figure()\nplt.plot([2]);"))
      assert.same({ shown, shown }, images("for i in range(2):\n  plt.plot([i])\n  plt.show()"))
      assert.same({}, images("figure, axes = plt.subplots(); plt.close(figure)"))
      assert.same({ "execute_result" }, images("axes.plot([3, 1])\nfigure"))
      assert.same({ shown }, images("figure, axes = plt.subplots()\ndisplay(figure)"))
      assert.same({ shown }, images("%matplotlib inline\nplt.plot([5])\nplt.show()"))
      assert.same({}, images("1 + 1"))
    end)

    it("awaits", function()
      assert.equal("Result: 'done'",
        fine("import asyncio\nawait asyncio.sleep(0.01, 'done')").output)
    end)

    it("interrupts a cell whose time is up, and keeps the state", function()
      fine("kept = 'still here'")
      for _, code in ipairs({ "while True: pass", "import time; time.sleep(100)",
        "import subprocess; subprocess.run(['sleep', '100'])" }) do
        local result = cell("print('working')\n" .. code, { timeout = 0.5 })
        assert.equal("timeout", result.status)
        assert.matches("working\n", result.output, 1, true)
        assert.matches("timed out after 0.5 s", result.error, 1, true)
        assert.matches("KeyboardInterrupt", result.error, 1, true)
        assert.equal("Result: 'still here'", fine("kept").output)
      end
    end)

    it("gives up a kernel that does not react, and starts another", function()
      fine("kept = 1")
      local result = cell([[
import signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
while True: time.sleep(1)]], { timeout = 0.2 })
      assert.equal("timeout", result.status)
      assert.matches("did not react", result.error, 1, true)
      assert.matches("NameError", cell("kept").error, 1, true)
    end)

    it("starts another when a cell ends its kernel", function()
      fine("kept = 1")
      local result = cell("print('last words', flush=True)\nimport os; os._exit(3)")
      assert.equal("error", result.status)
      assert.equal("last words\n", result.output)
      assert.matches("the kernel ended; its kernel is gone", result.error, 1, true)
      assert.matches("NameError", cell("kept").error, 1, true)
    end)

    it("has several kernels, and restarts one", function()
      fine("x = 'a'")
      fine("x = 'b'", { kernel = "other" })
      assert.equal("Result: 'a'", fine("x").output)
      assert.equal("Result: 'b'", fine("x", { kernel = "other" }).output)
      assert.matches("NameError", cell("x", { restart = true }).error, 1, true)
      assert.equal("Result: 'b'", fine("x", { kernel = "other" }).output)
    end)

    it("runs cells of one kernel one after another, whoever gives them", function()
      fine("order = []")
      local calls = {}
      for i = 1, 3 do
        calls[i] = function()
          return fine(("import time\norder.append(%d); time.sleep(0.1); order.append(%d)"):format(i,
            i))
        end
      end
      assert.is_nil(select(2, enclave.gather(calls)))
      assert.equal("Result: [1, 1, 2, 2, 3, 3]", fine("order").output)
    end)

    it("is started once for calls that come at the same time", function()
      local one <close> = assert(enclave.sandbox{ sandbox_type = "docker_notebook", image = image,
        tools_config = { notebook_executor = { plain = shell == "python" } } })
      local calls = {}
      for i = 1, 3 do
        calls[i] = function()
          return one:execute_tool("notebook_executor", { code = ("x%d = %d"):format(i, i) })
        end
      end
      assert.is_nil(select(2, enclave.gather(calls)))
      assert.equal("Result: 6", assert(one:execute_tool("notebook_executor",
        { code = "x1 + x2 + x3" })).output)
    end)

    it("does not run the cell of a call that was cancelled while it waited", function()
      fine("ran = []")
      enclave.run(function()
        local first = enclave.spawn(fine, "import time; time.sleep(1); ran.append('first')",
          { timeout = 30 })
        core.sleep(0.2)
        local second = enclave.spawn(cell, "ran.append('second')")
        core.sleep(0.1)
        local third = enclave.spawn(fine, "ran.append('third')")
        core.sleep(0.1)
        second:cancel()
        assert.is_nil((second:join()))
        assert(first:join())
        assert(third:join())
      end)
      assert.equal("Result: ['first', 'third']", fine("ran").output)
    end)

    it("shows what JSON has no form for", function()
      local result = cell("raise ValueError('lone \\udc80')")
      assert.matches("ValueError: lone ?", result.error, 1, true)
      result = fine([[
class Rich:
    def _repr_json_(self): return {"a": [float("nan"), (1, object)]}
    def __repr__(self): return "rich"
Rich()]])
      assert.equal("Result: rich", result.output)
      local data = result.metadata.outputs[1].data["application/json"]
      assert.equal(enclave.json.null, data.a[1])
      assert.equal(1, data.a[2][1])
    end)

    it("leaves out what is too large, and goes on", function()
      fine("kept = 1")
      local result = fine("class Large:\n    def _repr_html_(self): return 'x' * (31 << 20)\n"
        .. "Large()")
      assert.is_true(result.metadata.truncated)
      assert.equal("Result: 1", fine("kept").output)
    end)

    it("goes on after a call that was cancelled", function()
      fine("kept = 1")
      enclave.run(function()
        local task = enclave.spawn(cell, "import time\nprint('x')\ntime.sleep(100)")
        core.sleep(0.3)
        task:cancel()
        task:join()
      end)
      local result = fine("kept")
      assert.equal("Result: 1", result.output)
    end)

    it("bounds what it keeps, and passes output on as it comes", function()
      local heard = {}
      local result = assert(box:execute_tool("notebook_executor",
        { code = "print('x' * 300000)\nprint('end')" }, { on_stdout = function(bytes)
          heard[#heard + 1] = bytes
        end }))
      assert.is_true(result.metadata.truncated)
      assert.equal(100000, #result.output)
      assert.equal(300005, #table.concat(heard))
      heard = {}
      result = assert(box:execute_tool("notebook_executor", { code = "print('x', end=''); 40 + 2" },
        { on_stdout = function(bytes)
          heard[#heard + 1] = bytes
        end }))
      assert.equal("x\nResult: 42", result.output)
      assert.equal(result.output, table.concat(heard))
      assert.equal("ok\n", fine("print('ok')").output)
    end)
  end)
end

describe("notebooks", function()
  it("of a pool are fresh for each borrower", function()
    local manager <close> = assert(enclave.manager())
    assert(manager:initialize_pool{ pool_size = 1, sandbox_type = "docker_notebook",
      config = { image = support.image } })
    local function cell(code)
      return assert(manager:execute_tool_in_pool("notebook_executor", { code = code },
        { timeout = 60 }))
    end
    assert.equal("Result: 3", cell("x = 3; open('f', 'w').close()\nx").output)
    assert.matches("NameError", cell("x").error, 1, true)
    assert.matches("FileNotFoundError", cell("open('f')").error, 1, true)
  end)

  it("are told and offered by the type of the sandbox", function()
    local manager <close> = assert(enclave.manager())
    local id = assert(manager:create_sandbox("docker_notebook", { image = support.image,
      tools_config = { "notebook_executor" } }))
    local info = assert(manager:get_sandbox_info(id))
    assert.equal("docker_notebook", info.type)
    assert.truthy(info.available_tools.notebook_executor)
    assert.equal("Result: 2", assert(manager:execute_tool(id, "notebook_executor",
      { code = "1 + 1" })).output)
    assert(manager:stop_sandbox(id))
    local plain = assert(manager:create_sandbox("docker", { image = support.image }))
    local none, err = manager:execute_tool(plain, "notebook_executor", { code = "1" })
    assert.is_nil(none)
    assert.equal("not_found", err.code)
  end)

  it("work without the agent, too, and carry large outputs", function()
    local box <close> = assert(enclave.sandbox{ sandbox_type = "docker_notebook",
      image = support.image, channel = "exec" })
    local function cell(code)
      return assert(box:execute_tool("notebook_executor", { code = code, timeout = 60 }))
    end
    assert.equal("Result: 2", cell("x = 1\nx + 1").output)
    local outputs = cell([[
class Large:
    def _repr_png_(self): return b"0123456789ab" * 500000
Large()]]).metadata.outputs
    assert.equal(6000000, #base64.decode(outputs[1].data["image/png"]))
    local late = assert(box:execute_tool("notebook_executor",
      { code = "import time\ntime.sleep(100)", timeout = 0.3 }))
    assert.equal("timeout", late.status)
    assert.equal("Result: 1", cell("x").output)
  end)

  it("have the sandbox's time for cells that were given none", function()
    local box <close> = assert(enclave.sandbox{ sandbox_type = "docker_notebook",
      image = support.image, timeout = 0.3 })
    local late = assert(box:execute_tool("notebook_executor",
      { code = "import time\ntime.sleep(100)" }))
    assert.equal("timeout", late.status)
  end)

  it("need a Python that is there", function()
    local box <close> = assert(enclave.sandbox{ sandbox_type = "docker_notebook",
      image = support.image, tools_config = { notebook_executor = { python_path = "nopython" } } })
    local none, err = box:execute_tool("notebook_executor", { code = "1" })
    assert.is_nil(none)
    assert.matches("nopython", err.message, 1, true)
  end)

  it("end a kernel that sends a mark and then anything but its number", function()
    for _, flood in ipairs({ "1", "x", "\0" }) do
      local token, reads, ended = nil, 0, false
      local stream = { loaded = function() end, cancel = function() ended = true end,
        write = function(_, line)
          token = token or json.decode(line).token
          return true
        end, read = function()
          reads = reads + 1
          local mark = "\0" .. token .. ":"
          if reads == 1 then
            return "stdout", mark .. '16\n{"type":"ready"}'
          elseif reads < 1000 then
            return "stdout", reads == 2 and mark or flood:rep(1000)
          end
        end }
      local found = assert(kernel_module.start({ stream = function()
        return stream
      end }, { python_path = "python3" }))
      local done, err = found:execute("", 60, cell_outputs.new(1000, {}))
      assert.is_nil(done)
      assert.equal("protocol", err.code)
      assert.same({ 3, true, true }, { reads, ended, found.dead })
    end
  end)
end)
