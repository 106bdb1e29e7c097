-- The C library as other programs get it: installed, found by CMake and by pkg-config, in C and
-- in C++, with a Lua state of one's own.
local embed = require "enclave.embed"
local json = require "enclave.json"
local program = require "spec.program"
local support = require "spec.support"

local output_of = program.output

describe("the C library", function()
  local folder, root

  setup(function()
    folder = support.folder()
    root = folder.path .. "/opt/enclave"
    program.install(root)
  end)

  teardown(function()
    folder:remove()
  end)

  local function run(file, environment)
    return output_of(("cd / && env -u LUA_PATH -u LUA_CPATH LD_LIBRARY_PATH=%s/lib %s"
      .. " ENCLAVE_IMAGE=%s timeout 120 %s/%s"):format(root, environment or "", support.image,
      folder.path, file))
  end

  it("is found by CMake", function()
    local text, code = output_of(("cmake -S examples/embed -B %s/out -DCMAKE_PREFIX_PATH=%s"
      .. " && cmake --build %s/out"):format(folder.path, root, folder.path))
    assert.equal(0, code, text)
    text, code = run("out/embed")
    assert.same({ "from C\ninvalid: parameters.cod: unknown; did you mean \"code\"?\n"
      .. "callback: success\nslow: cancelled\n", 0 }, { text, code })
    text, code = run("out/embed_cpp")
    assert.same({ "40 of 40 calls from 8 threads\nnot_found\n", 0 }, { text, code })
  end)

  it("says in an example what went wrong", function()
    local text, code = run("out/embed", "DOCKER_HOST=unix:///nonexistent/docker.sock")
    assert.equal(1, code)
    assert.matches("initialize_pool: .*nonexistent.* %(unavailable%)\n", text)
    text, code = run("out/embed_cpp", "DOCKER_HOST=unix:///nonexistent/docker.sock")
    assert.equal(1, code)
    assert.matches("unavailable: .*nonexistent", text)
  end)

  it("is found by pkg-config, and opens its module in a Lua state", function()
    local text, code = output_of(("export PKG_CONFIG_PATH=$(dirname $(find %s -name enclave.pc));"
      .. " cc $CFLAGS -Wall -Wextra -Werror -std=c99 examples/embed_lua.c -o %s/embed_lua"
      .. " $(pkg-config --cflags --libs enclave lua5.4)"):format(root, folder.path))
    assert.equal(0, code, text)
    text, code = run("embed_lua")
    assert.equal(0, code, text)
    assert.matches("^%d+%.%d+%.%d+\t42\n", text)
  end)

  it("works in a program that has no Lua, and opens it for itself alone", function()
    folder:write("alone.c", [[
#include <dlfcn.h>
#include <enclave/enclave.h>
#include <stdio.h>
int main(void) {
    struct enclave_error err;
    void *library = dlopen("libenclave.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return puts(dlerror());
    struct enclave *(*open)(const struct enclave_options *, struct enclave_error *);
    void (*close)(struct enclave *);
    *(void **)&open = dlsym(library, "enclave_open");
    *(void **)&close = dlsym(library, "enclave_close");
    struct enclave *engine = open(NULL, &err);
    puts(engine ? "opened" : err.message);
    close(engine);
    return dlclose(library);
}
]])
    local text, code = output_of(("cc $CFLAGS -I%s/include %s/alone.c -o %s/alone -ldl"):format(
      root, folder.path, folder.path))
    assert.equal(0, code, text)
    assert.same({ "opened\n", 0 }, { run("alone") })
  end)

  it("is found by pkg-config below a folder whose name has a space", function()
    local spaced = folder.path .. "/a b"
    program.install(spaced)
    local text, code = output_of(("cd '%s' && PKG_CONFIG_PATH=$(dirname \"$(find . -name"
      .. " enclave.pc)\") && export PKG_CONFIG_PATH && eval \"cc $CFLAGS '%s' -o '%s/c d'"
      .. " $(pkg-config --cflags --libs enclave) -pthread\""):format(spaced,
      os.getenv("PWD") .. "/examples/embed.c", folder.path))
    assert.equal(0, code, text)
  end)

  it("has headers that stand alone, in C99 and C++98, and shows nothing but its own names",
    function()
      local headers = root .. "/include"
      for _, name in ipairs({ "enclave.h", "error.h" }) do
        for _, compiler in ipairs({ "cc -std=c99 -xc", "c++ -std=c++98 -xc++",
          "c++ -std=c++20 -xc++" }) do
          local text, code = output_of(("echo '#include <enclave/%s>' | %s -Wall -Wextra -Wpedantic"
            .. " -Werror -I%s -fsyntax-only -"):format(name, compiler, headers))
          assert.equal(0, code, compiler .. text)
        end
      end
      local names = output_of(("nm -D --defined-only $(find %s -name 'libenclave.so.*.*.*')"
        .. " | sed 's/.* //; s/@.*//' | grep -v -e '^enclave_' -e '^luaopen_enclave_core$'"
        .. " -e '^ENCLAVE_0$'"):format(root))
      assert.equal("", names)
    end)
end)

describe("the Lua side of the C library", function()
  it("calls methods by name, with JSON in and out", function()
    local call = embed.open('{"log_level": "error"}')
    local ids = json.decode(assert(call("initialize_pool",
      '[{"pool_size": 1, "sandbox_type": "fake"}]')))
    assert.equal(1, #ids)
    local result = json.decode(assert(call("execute_tool_in_pool", '{"code": "print(7)"}',
      "python_executor", '{"timeout": 5}')))
    assert.equal("7\n", result.output)
    assert.equal(ids[1], json.decode(assert(call("get_sandbox_info", json.encode(ids)))).id)
    assert.equal("[]", call("list_sandboxes", "[\"stopped\", null]"))
    assert.equal("true", call("close_pool", "[null]"))
    assert.equal("[]", call("initialize_pool", '[{"pool_size": 0, "sandbox_type": "fake"}]'))
  end)

  it("tells of a failure once", function()
    local call = embed.open('{"log_level": "error"}')
    local value, err = call("execute_tool_in_pool", "{}", "python_executor")
    assert.is_nil(value)
    assert.equal("invalid", err.code)
    assert.equal(0, json.decode(assert(call("get_stats"))).busy)
    assert.equal("[]", call("list_sandboxes"))
  end)

  it("takes an option that is null as left out", function()
    local call = embed.open('{"log_level": "error", "tools": null}')
    assert(call("initialize_pool", '[{"pool_size": 1, "sandbox_type": "fake", "max_size": null,'
      .. ' "config": {"image": null, "memory_limit": "256m"}}]'))
    assert(call("execute_tool_in_pool", '{"code": "print(7)", "stdin": null}', "python_executor",
      '{"timeout": null}'))
    local id = assert(call("create_sandbox", '["fake", {"image": null,'
      .. ' "tools_config": {"shell_executor": null}}]'))
    assert.is_table(json.decode(assert(call("get_sandbox_tools", "[" .. id .. "]")))
      .shell_executor)
  end)

  it("says what is wrong with a name or a text", function()
    local call = embed.open()
    local function fails(code, text, ...)
      local value, err = call(...)
      assert.is_nil(value)
      assert.equal(code, err.code)
      assert.is_truthy(err.message:find(text, 1, true), err.message)
    end
    fails("not_found", 'did you mean "get_stats"', "get_stat")
    fails("invalid", "get_stats: arguments: not JSON", "get_stats", "[")
    fails("invalid", "expected a JSON array", "get_stats", '{"a": 1}')
    fails("invalid", "parameters: not JSON", "execute_tool_in_pool", "{", "python_executor")
    fails("invalid", "options: not JSON", "execute_tool_in_pool", nil, "python_executor", "{")
    fails("invalid", "pool", "execute_tool_in_pool", nil, "python_executor")
    assert.has_error(function()
      embed.open("{")
    end)
  end)
end)
