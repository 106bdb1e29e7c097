-- Julia, Lean and Swift, which Debian 12 does not package: their data files meet stand-ins of those
-- names, which check how they are called and run the program's text by the shell. Lean, which no
-- release has, is run by nothing else.
local enclave = require "enclave"
local support = require "spec.support"

local programs = {
  julia = [[
#!/bin/sh
[ "$1" != --version ] || { echo "julia version 1.9.4"; exit; }
[ "$1" = --startup-file=no ] && [ "$JULIA_DEPOT_PATH" = "/sandbox/.julia:" ] || exit 64
shift
case $1 in /sandbox/*.jl) exec sh "$@" ;; *) exit 65 ;; esac
]],
  lean = [[
#!/bin/sh
case $1 in
--version) echo "Lean (version 4.9.0, stand-in)"; exit ;;
--run) shift; [ -f "$1" ] && exec sh "$@" ;;
--quiet) [ $# = 2 ] && [ -f "$2" ] && exec grep -c eval "$2" ;;
esac
exit 64
]],
  swiftc = [[
#!/bin/sh
[ "$1" != --version ] || { echo "Swift version 5.9.2"; exit; }
[ "$1 $2 $3" = "-O -o main" ] || exit 64
shift 3
[ "$1" = main.swift ] || exit 65
! grep -n "broken" "$@" >&2 || exit 1
{ echo "#!/bin/sh"; for file do cat "$file"; echo; done; } > main
chmod 755 main
]],
}

-- Of each language: what makes its text a program, the main file, the name of another one.
local languages = {
  julia = { alias = "jl", main = "main.jl", other = "lib.jl", version = "1.9.4" },
  lean = { alias = "lean4", head = "def() { :; }\ndef main\n", main = "main.lean",
    other = "Lib.lean", version = "4.9.0" },
  swift = { alias = "Swift", main = "main.swift", other = "lib.swift", version = "5.9.2",
    built = true },
}

describe("the stand-in of", function()
  local folder, box
  setup(function()
    folder = support.folder()
    os.execute(("chmod 755 '%s'"):format(folder.path))
    for name, text in pairs(programs) do
      os.execute(("chmod 755 '%s'"):format(folder:write(name, text)))
    end
    box = assert(enclave.sandbox{ image = support.image,
      volumes = { [folder.path] = { bind = "/opt/standins", mode = "ro" } },
      env_vars = { PATH = "/opt/standins:/usr/local/bin:/usr/bin:/bin" } })
  end)
  teardown(function()
    box:close()
    folder:remove()
  end)

  for name, language in pairs(languages) do
    it(name .. " is built and run as its data file says", function()
      local function call(code, more)
        local parameters = { language = language.alias, code = (language.head or "") .. code }
        for key, value in pairs(more or {}) do
          parameters[key] = value
        end
        return assert(box:execute_tool("multi_code_executor", parameters))
      end
      local result = call("read line; echo hello $1 $line", { stdin = "in\n", args = { "arg" },
        with_version = true })
      assert.equal("success", result.status, result.error)
      assert.equal("hello arg in\n", result.output)
      assert.equal(name, result.metadata.language)
      assert.matches(language.version, result.metadata.version, 1, true)
      assert.equal(language.built, result.metadata.build and true)
      result = call("echo seen; exit 3")
      assert.equal("error", result.status)
      assert.equal(3, result.metadata.run.exit_code)
      result = call("while :; do :; done", { run_timeout = 0.5 })
      assert.equal("timeout", result.status)
      result = call(language.built and "broken" or "exit 1")
      assert.equal("error", result.status)
      if language.built then
        assert.matches("1:broken", result.error, 1, true)
        assert.is_nil(result.metadata.run)
      end
      result = call(language.built and ":" or ". ./" .. language.other, { files = {
        [language.other] = "echo from lib\n", ["notes.txt"] = "broken" } })
      assert.equal("from lib\n", result.output, result.error)
      result = call("cat", { cases = { { stdin = "a", expected = "a" },
        { stdin = "b", expected = "c" } } })
      assert.equal("1 of 2 accepted\n", result.output, result.error)
    end)
  end

  it("lean checks what has no main", function()
    local result = assert(box:execute_tool("multi_code_executor",
      { language = "lean", code = "#eval 1 + 1\n#eval 2\n" }))
    assert.equal("2\n", result.output, result.error)
  end)
end)
