-- The man page and the completions that the build makes out of the commands.
local cli = require "enclave.cli"
local program = require "spec.program"
local support = require "spec.support"

local output_of, quote = program.output, program.quote

describe("the documents of enclave-lua", function()
  local folder, page

  setup(function()
    folder = support.folder()
    local _, err, code = program.run("src/cli/documents.lua " .. quote(folder.path))
    assert.same({ "", 0 }, { err, code })
    page = folder.path .. "/enclave-lua.1"
  end)

  teardown(function()
    folder:remove()
  end)

  it("have a man page without faults", function()
    assert.same({ "", 0 }, { output_of("mandoc -Tlint " .. quote(page)) })
    assert.equal("", (output_of(("LC_ALL=C.UTF-8 MANROFFSEQ= MANWIDTH=80 man --warnings -E UTF-8"
      .. " -l -Tutf8 -Z %s >/dev/null"):format(quote(page)))))
  end)

  it("name every command and option in it", function()
    local text = output_of(("mandoc -Tutf8 %s | sed 's/.\b//g'"):format(quote(page)))
    for _, name in ipairs(cli.names) do
      local command = cli.command(name)
      assert.is_truthy(text:find("enclave-lua " .. name, 1, true))
      for _, option in ipairs(command.options) do
        assert.is_truthy(text:find(option[1], 1, true), option[1])
      end
      for _, example in ipairs(command.examples) do
        local line = example[1]:gsub("…", "...")
        local flat = text:gsub("%s+", " ")
        assert.is_truthy(flat:find(line:sub(1, 40):gsub("%s+", " "), 1, true), line)
      end
    end
    for _, code in ipairs(cli.codes) do
      assert.is_truthy(text:find(code[1], 1, true))
    end
  end)

  it("complete commands and options in bash", function()
    local function complete(line)
      return (output_of(([[bash -c 'source %s/enclave-lua.bash
        COMP_WORDS=(%s) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE="%s"
        _enclave-lua; echo "${COMPREPLY[*]}"']]):format(folder.path, line, line)))
    end
    assert.equal("top tools\n", complete("enclave-lua to"))
    assert.equal("--timeout\n", complete("enclave-lua exec --tim"))
    assert.equal("--routes\n", complete("enclave-lua serve --rou"))
  end)

  it("are read by zsh and fish", function()
    for _, shell in ipairs({ "bash", "zsh", "fish" }) do
      assert.same({ "", 0 }, { output_of(("%s -n %s/enclave-lua.%s"):format(shell, folder.path,
        shell)) })
    end
  end)
end)
