-- The built-in tools on a real Docker Engine, on both channels.
local base64 = require "enclave.base64"
local core = require "enclave.core"
local enclave = require "enclave"
local support = require "spec.support"

for _, channel in ipairs({ "auto", "exec" }) do
  describe("the tools, channel " .. channel, function()
    local sandbox
    setup(function()
      sandbox = assert(enclave.sandbox{ image = support.image, channel = channel })
    end)
    teardown(function()
      sandbox:close()
    end)

    local function file(parameters)
      return assert(sandbox:execute_tool("file_operation", parameters))
    end
    local function fine(parameters)
      local result = file(parameters)
      assert.equal("success", result.status, result.error)
      return result
    end

    it("write and read text, under either name of the path", function()
      fine({ operation = "write", file_path = "notes/a.txt", content = "hällo\n" })
      local result = fine({ operation = "read", path = "notes/a.txt" })
      assert.equal("hällo\n", result.output)
      assert.equal(7, result.metadata.size)
      fine({ operation = "write", path = "notes/a.txt", content = "" })
      assert.equal("", fine({ operation = "read", path = "notes/a.txt" }).output)
    end)

    it("create an empty file, or one with content", function()
      fine({ operation = "create", path = "empty" })
      assert.equal("", fine({ operation = "read", path = "empty" }).output)
      fine({ operation = "create", path = "full", content = "x" })
      assert.equal("x", fine({ operation = "read", path = "full" }).output)
    end)

    it("carry any bytes as base64, and refuse to call them text", function()
      local bytes = "\0\1\xff\xfe" .. ("z"):rep(100000)
      fine({ operation = "write", path = "bin", content = base64.encode(bytes),
        encoding = "base64" })
      local result = fine({ operation = "read", path = "bin", encoding = "base64" })
      assert.is_true(base64.decode(result.output) == bytes)
      assert.is_true(fine({ operation = "read", path = "bin", encoding = "binary" }).output
        == bytes)
      result = file({ operation = "read", path = "bin" })
      assert.equal("error", result.status)
      assert.matches("not valid UTF-8", result.error, 1, true)
      result = file({ operation = "write", path = "bin", content = "*", encoding = "base64" })
      assert.matches("not base64", result.error, 1, true)
    end)

    local names = { "-rf", "a b", "'quoted'", '"double"', "$(touch pwned)", "`id`", "new\nline",
      "ünï", "*", "-", "\\", ";x" }
    if channel ~= "exec" then -- Docker's API takes names as JSON
      table.insert(names, "\xff\xfe")
    end

    it("work with any file name", function()
      for _, name in ipairs(names) do
        local path = "odd/" .. name
        fine({ operation = "write", path = path, content = name })
        assert.equal(name, fine({ operation = "read", path = path, encoding = "binary" }).output)
        assert.equal("exists", fine({ operation = "exists", path = path }).output)
      end
      local listed = fine({ operation = "list", path = "odd" }).metadata.entries
      local seen = {}
      for i, entry in ipairs(listed) do
        seen[i] = entry.name
        assert.equal("file", entry.type)
        assert.equal(#entry.name, entry.size)
      end
      local expected = { table.unpack(names) }
      table.sort(expected)
      assert.same(expected, seen)
      for _, name in ipairs(names) do
        fine({ operation = "delete", path = "odd/" .. name })
        assert.equal("does not exist", fine({ operation = "exists", path = "odd/" .. name }).output)
      end
      assert.same({}, fine({ operation = "list", path = "odd" }).metadata.entries)
      for _, name in ipairs({ "-rf", "$(touch pwned)", "-" }) do
        fine({ operation = "write", path = name, content = "top" })
        assert.is_true(fine({ operation = "exists", path = name }).metadata.exists)
        fine({ operation = "delete", path = name })
        assert.is_false(fine({ operation = "exists", path = name }).metadata.exists)
      end
      assert.is_false(fine({ operation = "exists", path = "pwned" }).metadata.exists)
    end)

    it("list with types, hidden ones too", function()
      fine({ operation = "mkdir", path = "l/sub/deep" })
      fine({ operation = "write", path = "l/.hidden", content = "12" })
      assert(sandbox:run{ argv = { "ln", "-s", "nowhere", "l/link" } })
      local result = fine({ operation = "list", path = "l" })
      assert.equal(".hidden\nlink\nsub/\n", result.output)
      local entries = result.metadata.entries
      assert.equal("file", entries[1].type)
      assert.equal(2, entries[1].size)
      assert.equal("link", entries[2].type)
      assert.equal("directory", entries[3].type)
      assert.is_false(result.metadata.truncated)
      assert.equal("link", fine({ operation = "exists", path = "l/link" }).metadata.type)
      assert.equal("directory", fine({ operation = "exists", path = "l/sub" }).metadata.type)
      assert(sandbox:run{ command = "touch -d 1960-01-01 l/sub; : > l/z; touch -d @5 l/z" })
      entries = fine({ operation = "list", path = "l" }).metadata.entries
      assert.is_true(entries[3].mtime < 0)
      assert.same({ "z", 0, 5 }, { entries[4].name, entries[4].size, entries[4].mtime })
      assert.matches('"entries":[]', enclave.json.encode(fine({ operation = "list",
        path = "l/sub/deep" }).metadata), 1, true)
      assert.is_truthy(fine({ operation = "list" }).output:find("l/\n", 1, true))
      fine({ operation = "delete", path = "l" })
      assert.is_false(fine({ operation = "exists", path = "l" }).metadata.exists)
    end)

    it("bound what they list", function()
      assert(sandbox:run{ command = "mkdir many; cd many;"
        .. " i=0; while [ $i -lt 1200 ]; do : > f$i; i=$((i+1)); done" })
      local result = fine({ operation = "list", path = "many" })
      assert.equal(1000, #result.metadata.entries)
      assert.is_true(result.metadata.truncated)
      fine({ operation = "delete", path = "many" })
    end)

    it("say what is wrong", function()
      for _, parameters in ipairs({ { operation = "read", path = "missing" },
        { operation = "list", path = "missing" }, { operation = "read", path = "/" },
        { operation = "write", path = "x" }, { operation = "read" },
        { operation = "mkdir", path = "/proc/x" },
        { operation = "write", path = "/proc/x/y", content = "" } }) do
        local result = file(parameters)
        assert.equal("error", result.status)
        assert.is_true(#result.error > 0)
      end
      assert.matches("missing", file({ operation = "read", path = "missing" }).error, 1, true)
      for _, parameters in ipairs({ {}, { operation = "raed", path = "x" },
        { operation = "read", path = "" }, { operation = "read", path = "a\0b" },
        { operation = "read", path = "x", encoding = "latin-9" } }) do
        local none, err = sandbox:execute_tool("file_operation", parameters)
        assert.is_nil(none)
        assert.equal("invalid", err.code)
      end
    end)

    it("run programs, several in one sandbox at the same time", function()
      local calls = {}
      for i = 1, 4 do
        calls[i] = function()
          return sandbox:execute_tool("python_executor",
            { code = ("import time; time.sleep(0.2); print(%d)"):format(i) })
        end
      end
      for i, entry in ipairs(assert(enclave.gather(calls))) do
        assert.equal(i .. "\n", entry.value.output)
      end
    end)

    it("stream output", function()
      local pieces = {}
      for stream, bytes in assert(sandbox:stream{ interpreter = "python3", code = [[
import sys, time
print("one", flush=True)
time.sleep(0.3)
print("two", file=sys.stderr, flush=True)]] }) do
        pieces[#pieces + 1] = stream .. ":" .. bytes
      end
      assert.same({ "stdout:one\n", "stderr:two\n" }, pieces)
      local text = ""
      local run = assert(sandbox:run{ command = "echo a; echo b >&2", on_stdout = function(bytes)
        text = text .. bytes
      end })
      assert.equal("a\n", text)
      assert.equal("b\n", run.stderr)
    end)

    it("copy folders in", function()
      local folder = support.folder()
      finally(function()
        folder:remove()
      end)
      folder:write("a.txt", "alpha")
      assert(sandbox:put_dir(folder.path, "copied"))
      assert.equal("alpha", assert(sandbox:get_file("copied/a.txt")))
      assert(sandbox:put_archive(assert(core.archive_folder(folder.path)), "from_tar"))
      assert.equal("alpha", assert(sandbox:get_file("from_tar/a.txt")))
    end)
  end)
end
