-- Files in and out with a call, and the newer operations on files; on both channels.
local base64 = require "enclave.base64"
local enclave = require "enclave"
local support = require "spec.support"

for _, channel in ipairs({ "auto", "exec" }) do
  describe("files with a call, channel " .. channel, function()
    local sandbox
    setup(function()
      sandbox = assert(enclave.sandbox{ image = support.image, channel = channel })
    end)
    teardown(function()
      sandbox:close()
    end)

    local function execute(tool, parameters)
      return assert(sandbox:execute_tool(tool, parameters))
    end
    local function fine(tool, parameters)
      local result = execute(tool, parameters)
      assert.equal("success", result.status, result.error)
      return result
    end
    local bytes = "\0\1\xff\xfe binary"

    it("go in, with folders, and come out, by name and by glob", function()
      local result = fine("python_executor", {
        files = { ["data.txt"] = "hällo", ["pkg/__init__.py"] = "", ["pkg/mod.py"] = "x = 42",
          ["in/deep/raw.bin"] = { base64 = base64.encode(bytes) } },
        code = [[
import os, pkg.mod
print(open("data.txt").read(), pkg.mod.x)
raw = open("in/deep/raw.bin", "rb").read()
os.makedirs("out/sub")
open("out/copy.bin", "wb").write(raw + raw)
open("out/sub/note.txt", "w").write("a note")
open("in/deep/new.txt", "w").write("beside a file that came in")
open("empty", "w")
]], fetch_files = { "out/*", "**/note.txt", "empty", "gone", "*.none", "data.txt" } })
      assert.equal("hällo 42\n", result.output)
      assert.equal(0, result.metadata.exit_code)
      local files = result.metadata.files
      assert.equal(bytes .. bytes, base64.decode(files["out/copy.bin"].content))
      assert.equal("base64", files["out/copy.bin"].encoding)
      assert.equal(2 * #bytes, files["out/copy.bin"].size)
      assert.same({ content = "a note", encoding = "utf-8", size = 6 }, files["out/sub/note.txt"])
      assert.equal("", files.empty.content)
      assert.equal("hällo", files["data.txt"].content)
      assert.matches("gone", result.metadata.missing_files.gone, 1, true)
      local count = 0
      for _ in pairs(files) do
        count = count + 1
      end
      assert.equal(4, count)
    end)

    it("are not overwritten by the program", function()
      for _, name in ipairs({ ".main.py", "./.main.py", "main.py" }) do
        local result = fine("python_executor", { files = { [name] = "x = 5" },
          code = ("print(open(%q).read())"):format(name) })
        assert.equal("x = 5\n", result.output)
      end
      assert.equal("5\n", fine("python_executor", { code = "import main; print(main.x)" }).output)
    end)

    it("come out of a program that fails, too", function()
      local result = execute("shell_executor", { command = "echo half > half; exit 3",
        fetch_files = { "half" } })
      assert.equal("error", result.status)
      assert.equal(3, result.metadata.exit_code)
      assert.equal("half\n", result.metadata.files.half.content)
    end)

    it("have any name", function()
      local odd = { ["-rf"] = "1", ["a b/c d"] = "2", ["$(id)"] = "3", ["new\nline"] = "4",
        ["'"] = "5", ["ü"] = "6" }
      local list = {}
      for name in pairs(odd) do
        list[#list + 1] = name
      end
      local files = fine("shell_executor", { command = { "true" }, files = odd,
        fetch_files = list }).metadata.files
      for name, content in pairs(odd) do
        assert.equal(content, files[name] and files[name].content, name)
      end
    end)

    it("stay below the work folder", function()
      for _, name in ipairs({ "/etc/passwd", "../up", "a/../../b", "", "a/" }) do
        local none, err = sandbox:execute_tool("shell_executor", { command = "true",
          files = { [name] = "x" } })
        assert.is_nil(none)
        assert.equal("invalid", err.code)
        assert.matches("parameters.files:", err.message, 1, true)
        none, err = sandbox:execute_tool("python_executor", { code = "",
          fetch_files = { name ~= "" and name or ".." } })
        assert.is_nil(none)
        assert.matches("parameters.fetch_files: ", err.message, 1, true)
      end
      local none, err = sandbox:execute_tool("shell_executor", { command = "true",
        files = { a = { base64 = "*" } } })
      assert.is_nil(none)
      assert.matches('string "a": not base64', err.message, 1, true)
    end)

    it("are bounded", function()
      local box <close> = assert(enclave.sandbox{ image = support.image, channel = channel,
        tools_config = { shell_executor = { max_fetch_size = 1000 } } })
      local metadata = assert(box:execute_tool("shell_executor", {
        command = "head -c 600 /dev/zero > a; head -c 600 /dev/zero > b; echo c > c",
        fetch_files = { "a", "b", "c" } })).metadata
      assert.equal(600, metadata.files.a.size)
      assert.matches("more than the 400 bytes", metadata.missing_files.b, 1, true)
      assert.equal("c\n", metadata.files.c.content)
    end)

    it("meet a working folder, an environment and an input", function()
      fine("shell_executor", { command = "mkdir -p sub" })
      assert.equal("/sub in v\n", fine("python_executor", { cwd = "sub", stdin = "in",
        env = { K = "v" }, code = [[
import os, sys
print(os.getcwd()[-4:], sys.stdin.read(), os.environ["K"])]] }).output)
      assert.equal("/tmp\n", fine("shell_executor", { cwd = "/tmp", command = "pwd" }).output)
    end)

    local function file(parameters)
      return fine("file_operation", parameters)
    end
    local function problem(parameters)
      local result = execute("file_operation", parameters)
      assert.equal("error", result.status)
      return result.error
    end

    it("are appended to, moved and copied", function()
      file({ operation = "append", path = "log/x", content = "one\n" })
      file({ operation = "append", path = "log/x", content = base64.encode(bytes),
        encoding = "base64" })
      local function read(path)
        return file({ operation = "read", path = path, encoding = "binary" }).output
      end
      assert.equal("one\n" .. bytes, read("log/x"))
      file({ operation = "copy", path = "log/x", destination = "other/deep/y" })
      file({ operation = "move", path = "log/x", destination = "-z" })
      assert.equal("one\n" .. bytes, read("other/deep/y"))
      assert.equal("one\n" .. bytes, read("-z"))
      assert.is_false(file({ operation = "exists", path = "log/x" }).metadata.exists)
      file({ operation = "copy", path = "other", destination = "log" })
      assert.equal("one\n" .. bytes, read("log/other/deep/y"))
      file({ operation = "move", path = "-z", destination = "log/" })
      assert.equal("one\n" .. bytes, read("log/-z"))
      assert.matches("nowhere", problem({ operation = "move", path = "nowhere",
        destination = "a" }), 1, true)
      assert.matches("destination: missing", problem({ operation = "copy", path = "log" }), 1, true)
      assert.matches("content: missing", problem({ operation = "append", path = "log/x" }), 1, true)
    end)

    it("are read in part", function()
      file({ operation = "write", path = "lines", content = "a\nbb\nccc\ndddd" })
      local function read(parameters)
        parameters.operation, parameters.path = "read", "lines"
        return file(parameters).output
      end
      assert.equal("bb\nc", read({ offset = 2, length = 4 }))
      assert.equal("dddd", read({ offset = 9 }))
      assert.equal("a\n", read({ length = 2 }))
      assert.equal("", read({ length = 0 }))
      assert.equal("", read({ offset = 100 }))
      assert.equal("bb\nccc\n", read({ first_line = 2, last_line = 3 }))
      assert.equal("ccc\ndddd", read({ first_line = 3 }))
      assert.equal("a\n", read({ last_line = 1 }))
      assert.equal(base64.encode("bb"), read({ offset = 2, length = 2, encoding = "base64" }))
      assert.matches("expected at least first_line", problem({ operation = "read",
        path = "lines", first_line = 3, last_line = 2 }), 1, true)
      assert.matches("missing", problem({ operation = "read", path = "missing", offset = 1 }))
      assert.matches("folder", problem({ operation = "read", path = ".", offset = 1 }), 1, true)
    end)

    it("tell what they are", function()
      file({ operation = "write", path = "s", content = "12345" })
      local facts = file({ operation = "stat", path = "s" }).metadata
      assert.equal("file", facts.type)
      assert.equal(5, facts.size)
      assert.matches("^0[0-7][0-7][0-7]$", facts.mode)
      assert.is_true(facts.mtime > 1600000000)
      assert(sandbox:run{ argv = { "ln", "-s", "s t", "link" } })
      facts = file({ operation = "stat", path = "link" }).metadata
      assert.equal("link", facts.type)
      assert.equal("s t", facts.target)
      assert.equal("directory", file({ operation = "stat", path = "/" }).metadata.type)
      assert.matches("no such file", problem({ operation = "stat", path = "missing" }), 1, true)
    end)

    it("are found, or none of them", function()
      for _, more in ipairs({ { pattern = "no such" }, { text = "no such" } }) do
        more.operation = "search"
        local result = fine("file_operation", more)
        assert.matches('"matches":[]', enclave.json.encode(result.metadata), 1, true)
      end
    end)

    it("are found by name and by text", function()
      file({ operation = "write", path = "tree/a.py", content = "import os\nvalue = 1\n" })
      file({ operation = "write", path = "tree/sub/b.py", content = "x\nVALUE = 2 # (a+b)\n" })
      file({ operation = "write", path = "tree/sub/odd\nname.txt", content = "value: 3\n" })
      file({ operation = "write", path = "tree/sub/bin", content = base64.encode(
        "value\0value\n"), encoding = "base64" })
      local function search(parameters)
        parameters.operation, parameters.path = "search", parameters.path or "tree"
        return file(parameters)
      end
      assert.equal("a.py\nsub/b.py\n", search({ pattern = "*.py" }).output)
      assert.equal("sub/b.py\n", search({ pattern = "sub/*.py" }).output)
      local found = search({ text = "value" }).metadata
      assert.same({ { path = "a.py", line = 2, text = "value = 1" },
        { path = "sub/odd\nname.txt", line = 1, text = "value: 3" } }, found.matches)
      assert.is_false(found.truncated)
      assert.equal("a.py:2: value = 1\nsub/b.py:2: VALUE = 2 # (a+b)\n",
        search({ text = "value", ignore_case = true, pattern = "*.py" }).output)
      assert.equal("sub/b.py:2: VALUE = 2 # (a+b)\n", search({ text = "(a+b)" }).output)
      assert.equal("a.py:1: import os\n", search({ text = "^imp.*s$", regex = true }).output)
      found = search({ text = "value", limit = 1 }).metadata
      assert.equal(1, #found.matches)
      assert.is_true(found.truncated)
      found = search({ limit = 2 }).metadata
      assert.equal(2, #found.matches)
      assert.is_true(found.truncated)
      assert.same({}, search({ text = "$(touch pwned)" }).metadata.matches)
      assert.matches("text: ", problem({ operation = "search", text = "(", regex = true,
        path = "tree" }), 1, true)
      assert.matches("not a folder", problem({ operation = "search", path = "missing" }), 1, true)
      assert.matches("one line", problem({ operation = "search", text = "a\nb" }), 1, true)
    end)

    it("are bounded, whatever is there", function()
      assert(sandbox:run{ command = [[
mkdir traps; cd traps; mkfifo pipe; truncate -s 1T huge; ln -s loop loop
i=0; while [ $i -lt 700 ]; do mkdir deep && cd deep; i=$((i+1)); done]] })
      local found = file({ operation = "search", path = "traps" }).metadata
      assert.is_true(found.truncated)
      assert.equal(200, #found.matches)
      assert.same({}, file({ operation = "search", path = "traps", pattern = "**/x/**/deep/**/x" })
        .metadata.matches)
      for _, more in ipairs({ {}, { length = 1 }, { first_line = 1 } }) do
        more.operation, more.path = "read", "traps/pipe"
        assert.matches("regular file", problem(more), 1, true)
      end
      assert.matches("regular file", problem({ operation = "append", path = "traps/pipe",
        content = "x" }), 1, true)
      assert.matches("asked for", problem({ operation = "read", path = "traps/huge" }), 1, true)
      assert.equal("AAAA", file({ operation = "read", path = "traps/huge", offset = 1 << 39,
        length = 3, encoding = "base64" }).output)
      assert.equal("", file({ operation = "read", path = "traps/huge", offset = 1 << 53 }).output)
      problem({ operation = "read", path = "traps/loop" })
      file({ operation = "delete", path = "traps" })
    end)
  end)
end
