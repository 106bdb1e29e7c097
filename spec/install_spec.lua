-- What is installed, and what is packed: it works where it lies, without the sources.
local program = require "spec.program"
local support = require "spec.support"

local output_of, quote = program.output, program.quote
local build = program.path:gsub("/[^/]*$", "")

-- Nothing of the tree that the specs run in.
local function clean(command)
  return output_of(("cd / && env -u LUA_PATH -u LUA_CPATH -u ENCLAVE_LUA_PATH %s"):format(command))
end

describe("what is installed", function()
  local folder, root

  setup(function()
    folder = support.folder()
    root = folder.path .. "/opt/enclave"
    program.install(root)
  end)

  teardown(function()
    folder:remove()
  end)

  local function first(pattern)
    return (output_of(("find %s -path %s"):format(quote(root), quote(pattern))):match("[^\n]+"))
  end

  it("is a program that finds its files", function()
    local text, code = clean(root .. "/bin/enclave-lua --version")
    assert.equal(0, code)
    local files = "Lua files: " .. root .. "/bin/../share/lua/5.4"
    assert.is_truthy(text:find(files, 1, true), text)
    assert.matches("python_executor", (clean(root .. "/bin/enclave-lua tools")))
  end)

  it("is a program that can be copied alone", function()
    local copy = folder.path .. "/alone"
    assert(os.execute(("cp %s/bin/enclave-lua %s"):format(quote(root), quote(copy))))
    local text, code = clean(copy .. " --version")
    assert.equal(0, code)
    assert.matches("Lua files: inside; %d%d+ are carried inside", text)
    assert.matches("shell_executor .*built in\n", (clean(copy .. " tools")))
    assert.equal("7\n", (clean(copy .. " exec --sandbox-type fake 'print(7)'")))
    assert.equal("function\n", (clean(copy
      .. [[ -e 'print(type(require("enclave.server").new))']])))
    assert.matches("bundle:/enclave/gather%.lua", (clean(copy
      .. [[ -e 'print(package.searchpath("x", "") or debug.getinfo(
        require("enclave.gather"), "S").source)']])))
    assert.matches("no file 'bundle:/no/such%.lua' inside", (clean(copy .. " -l no.such")))
  end)

  it("is a module for stock Lua", function()
    local so = assert(first("*/lua/5.4/enclave/core.so")):gsub("/enclave/core.so$", "")
    local script = folder:write("check.lua", "local e = require 'enclave'"
      .. " print(e.version, package.searchpath('enclave', package.path))")
    local text, code = clean(("LUA_CPATH='%s/?.so;;' LUA_PATH='%s/share/lua/5.4/?.lua;"
      .. "%s/share/lua/5.4/?/init.lua;;' lua5.4 %s"):format(so, root, root, script))
    assert.equal(0, code, text)
    assert.is_truthy(text:find(root .. "/share/lua/5.4/enclave/init.lua", 1, true), text)
  end)

  it("has its page and its completions", function()
    for _, pattern in ipairs({ "*/man/man1/enclave-lua.1.gz", "*/completions/enclave-lua",
      "*/_enclave-lua", "*/enclave-lua.fish", "*/doc/enclave-lua/copyright" }) do
      assert.is_truthy(first(pattern), pattern)
    end
    local text = output_of("man -l " .. quote(first("*/enclave-lua.1.gz")))
    assert.matches("enclave%-lua exec", text)
  end)
end)

describe("the rockspec", function()
  it("is right, and sets what the build knows", function()
    local text, code = output_of("luarocks lint enclave-*.rockspec")
    assert.equal(0, code, text)
    local known = output_of("cmake -LA -N " .. quote(build))
    local rock = {}
    assert(loadfile((output_of("ls enclave-*.rockspec"):match("[^\n]+")), "t", rock))()
    for name in pairs(rock.build.variables) do
      assert.is_truthy(known:find("\n" .. name .. ":", 1, true), name)
    end
    local version = output_of(quote(program.path) .. " -v"):match("Enclave (%S+)")
    assert.equal(version .. "-1", rock.version)
  end)
end)

-- Without a build in it, as it is downloaded. What compiles fast will do.
describe("a clean tree", function()
  local folder, tree

  setup(function()
    folder = support.folder()
    tree = folder.path .. "/tree"
    local text, code = output_of(("mkdir %s && tar -c --exclude=./build* --exclude=./.git . |"
      .. " tar -xC %s"):format(tree, tree))
    assert.equal(0, code, text)
  end)

  teardown(function()
    folder:remove()
  end)

  local function run(command)
    return output_of(("cd %s && export CMAKE_BUILD_TYPE=Debug CMAKE_BUILD_PARALLEL_LEVEL=2"
      .. " XDG_CACHE_HOME=%s/cache ENCLAVE_IMAGE=%s; unset LUA_PATH LUA_CPATH; %s"):format(tree,
      folder.path, support.image, command))
  end

  it("is a program that ran in a warm sandbox after one command", function()
    local text, code = run("sh examples/quickstart.sh")
    assert.equal(0, code, text)
    assert.matches("output: from pool", text)
    text, code = run("sh examples/quickstart.sh --stop")
    assert.same({ "-- stopped\n", 0 }, { text, code })
  end)

  it("is a rock after another", function()
    local text, code = run(("luarocks --lua-version 5.4 --tree %s/rocks make --deps-mode none")
      :format(folder.path))
    assert.equal(0, code, text)
    text, code = clean(([[%s/rocks/bin/enclave-lua exec --sandbox-type fake 'print(7)']]):format(
      folder.path))
    assert.same({ "7\n", 0 }, { text, code })
    text, code = clean(("LUA_PATH='%s/rocks/share/lua/5.4/?.lua;%s/rocks/share/lua/5.4/?/init.lua"
      .. ";;' LUA_CPATH='%s/rocks/lib/lua/5.4/?.so;;' lua5.4 -e 'require \"enclave\"'"):format(
      folder.path, folder.path, folder.path))
    assert.equal(0, code, text)
  end)
end)

describe("the Debian packages", function()
  it("are what lintian wants", function()
    local folder = support.folder()
    local text, code = output_of(("cd %s && cpack -G DEB -B %s"):format(quote(build),
      quote(folder.path)))
    local complaints = output_of(("lintian --allow-root --fail-on error %s/*.deb"):format(
      quote(folder.path)))
    local facts = output_of(("for d in %s/*.deb; do dpkg -I $d; dpkg -c $d; done"):format(
      quote(folder.path)))
    folder:remove()
    assert.equal(0, code, text)
    assert.not_matches("E: ", complaints)
    assert.matches("Package: enclave%-lua\n", facts)
    assert.matches("Depends: [^\n]*lua%-cjson", facts)
    assert.matches("root/root +%d+ %S+ %S+ %./usr/bin/enclave%-lua\n", facts)
  end)
end)
