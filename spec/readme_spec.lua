-- What the README says is so: its programs run, its table of the config has every field, and the
-- files that it names are there.
local enclave = require "enclave"
local program = require "spec.program"
local server_process = require "spec.server_process"
local support = require "spec.support"

local file = assert(io.open("README.md"))
local readme = file:read("a")
file:close()

-- The programs in a language, each with the block of output that follows "prints".
local function blocks(language)
  local found = {}
  for code, after in readme:gmatch("\n```" .. language .. "\n(.-)\n```()") do
    found[#found + 1] = { code = code,
      output = readme:match("^\n\nprints\n\n```\n(.-)\n```", after) }
  end
  return found
end

describe("the README", function()
  it("has programs that print what it says", function()
    local ran = 0
    for _, block in ipairs(blocks("lua")) do
      local chunk = assert(load(block.code, "=README.md"))
      if block.output then
        local folder = support.folder()
        local path = folder:write("example.lua", (block.code:gsub("python:3.11%-slim",
          support.image)))
        local pipe = assert(io.popen(("'%s' '%s' 2>&1"):format(os.getenv("ENCLAVE_LUA"), path)))
        local output = pipe:read("a")
        assert.is_true(pipe:close(), output)
        folder:remove()
        local start = block.output:gsub(" …$", "")
        assert.equal(start, output:sub(1, #start))
        ran = ran + 1
      else
        assert.is_table(chunk())
      end
    end
    assert.is_true(ran > 0)
  end)

  it("tells of every field of a sandbox's config, and of no other", function()
    local section = assert(readme:match("## What a sandbox is\n(.-)\n## "))
    local told = { tools_config = true }
    for fields in section:gmatch("\n| ([^|]*) |") do
      for field in fields:gmatch("`([%w_]+)`") do
        told[field] = true
      end
    end
    local function known(field)
      -- The value of another type is refused by name; an unknown field as such.
      local _, err = pcall(enclave.sandbox, { [field] = function() end })
      return not tostring(err):find("unknown", 1, true)
    end
    for field in pairs(told) do
      assert.is_true(known(field), field)
    end
    local manager <close> = assert(enclave.manager())
    assert(manager:initialize_pool{ pool_size = 0, config = { image = support.image } })
    local id = assert(manager:create_sandbox("docker", { image = support.image }))
    for field in pairs(assert(manager:get_sandbox_info(id)).config) do
      assert.is_true(told[field], field)
    end
  end)

  -- Each is run by a file of these, in which its words stand.
  local proofs = {
    ["sh examples/quickstart.sh"] = { "spec/install_spec.lua", '"sh examples/quickstart.sh"' },
    ["sh examples/quickstart.sh --stop"] = { "spec/install_spec.lua", "quickstart.sh --stop" },
    ["sh spec/run.sh"] = { ".ci/run", "spec/run.sh" },
    ["cmake --install build --prefix /usr/local"] = { "spec/program.lua",
      "cmake --install %s --prefix %s" },
    ["cmake -S . -B out -DCMAKE_INSTALL_PREFIX=/usr && cmake --build out && cd out && cpack"] =
      { "spec/install_spec.lua", "cpack -G DEB" },
    ["cmake -S . -B one -DENCLAVE_STATIC=ON && cmake --build one"] = { "spec/run.sh",
      "-DENCLAVE_STATIC=ON" },
    ["luarocks make"] = { "spec/install_spec.lua", "make --deps-mode none" },
    ["enclave-lua script.lua"] = { "spec/examples_spec.lua", "interpreter, script" },
    ["pkg-config enclave"] = { "spec/embed_spec.lua", "pkg-config --cflags --libs enclave" },
  }

  local function read(path)
    local from <close> = assert(io.open(path))
    return from:read("a")
  end

  it("names commands that specs run", function()
    local commands = {}
    for _, block in ipairs(blocks("sh")) do
      for line in block.code:gmatch("[^\n]+") do
        commands[line:gsub("%s+#.*", "")] = not line:find("^curl ") or nil -- those are run below
      end
    end
    for span in readme:gmatch("`([%l/]+%-?%l* [^`\n]+)`") do
      local first = span:match("^%S+")
      if first:find("enclave%-lua$") or first == "sh" or first == "cmake" or first == "luarocks"
        or first == "pkg-config" then
        commands[span] = true
      end
    end
    for command in pairs(commands) do
      local option = command:match("^sh spec/run%.sh (%-%-%l+)")
      local name = command:match("enclave%-lua (%l+)") or ""
      local proof = proofs[command]
      if proof then
        assert.is_truthy(read(proof[1]):find(proof[2], 1, true), command)
      elseif option then
        assert.is_truthy(read("spec/run.sh"):find("\n" .. option .. ")", 1, true), command)
      else
        local text, err, code = program.run(name .. " --help")
        assert.same({ "", 0 }, { err, code }, command)
        assert.is_truthy(text:find("enclave-lua " .. name, 1, true), command)
      end
    end
  end)

  it("calls the server as it is called", function()
    local server = server_process.start()
    finally(function()
      server:stop()
    end)
    local answers = {}
    for words in readme:gmatch("\ncurl( [^\n]+)") do
      words = words:gsub("http://127.0.0.1:8000", server.url):gsub("python:3.11%-slim",
        support.image)
      answers[#answers + 1] = program.output("curl -sS --max-time 120" .. words)
    end
    assert.equal(2, #answers)
    assert.matches('"pool_size":2', answers[1], 1, true)
    assert.matches('"output":"42\\n"', answers[2], 1, true)
  end)

  it("names files that are there", function()
    local names = {}
    for name in readme:gmatch("%]%(([%w_./-]+)%)") do
      names[name] = true
    end
    for name in readme:gmatch("`([%w_]+/[%w_./-]+)`") do
      names[name] = true
    end
    assert.is_true(names["lua/enclave/manager.lua"])
    for name in pairs(names) do
      if name:find("NAME", 1, true) then
        name = name:match("^(.-)/[^/]*NAME")
      end
      if name:find("^src/") or name:find("^lua/enclave/") or name:find("^spec/")
        or name:find("^examples/") or name:find("^include/") then
        assert(os.execute("test -e '" .. name .. "'"), name .. " is not there")
      end
    end
  end)
end)
