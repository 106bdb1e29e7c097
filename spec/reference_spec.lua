-- The API reference that the build writes: everything that a program can call is in it, annotated
-- where it is written, with the arguments that it has.
local core = require "enclave.core"
local enclave = require "enclave"
local program = require "spec.program"

local reference = assert(loadfile("src/install/reference.lua"))("reference")
local build = program.path:gsub("/[^/]*$", "")

local known = {} -- name → entry
for _, chapter in ipairs(reference.lua()) do
  for _, entry in ipairs(chapter.entries) do
    known[entry.name] = entry
  end
end

-- What can be called of a table of functions must be known by prefix and name.
local function is_known(prefix, functions, but)
  local count = 0
  for name, value in pairs(functions) do
    local callable = type(value) == "function" or (getmetatable(value) or {}).__call
    if callable and not name:find("^__") and not (but or {})[name] then
      assert.is_table(known[prefix .. name], ("%s%s is in no chapter of the reference"):format(
        prefix, name))
      count = count + 1
    end
  end
  assert.is_true(count > 0, prefix)
end

describe("the API reference", function()
  it("has every function that a program can call", function()
    is_known("enclave.", enclave)
    is_known("enclave.json.", enclave.json)
    local inside = { count = true } -- of get_stats
    local manager <close> = assert(enclave.manager())
    is_known("manager:", getmetatable(manager).__index, inside)
    local remote <close> = assert(enclave.manager({ base_url = "http://127.0.0.1:1" }))
    is_known("manager:", getmetatable(remote).__index)
    for name in pairs(getmetatable(manager).__index) do
      assert.equal(not inside[name], remote[name] ~= nil, name)
    end
    is_known("sandbox:", core.Sandbox)
    is_known("task:", getmetatable(enclave.spawn(function() end)).__index)
    local server = assert(require("enclave.server").new(manager, { port = 0 }))
    is_known("server:", getmetatable(server).__index)
    server:close()
    enclave.sleep(0)
  end)

  it("tells of each what it does and takes", function()
    for name, entry in pairs(known) do
      local where = ("%s: %s"):format(entry.file, name)
      local parts, told, taken = entry.parts, {}, {}
      assert.is_true(parts.text[1] ~= nil or parts["return"][1] ~= nil
        or name:find("close") ~= nil, where .. " says nothing about itself")
      for _, rest in ipairs(parts.param) do
        told[#told + 1] = rest:match("^[%w_.]+")
      end
      for argument in entry.arguments:gmatch("[%w_.]+") do
        taken[#taken + 1] = argument
      end
      assert.same(taken, told, where .. ": @param")
    end
  end)

  it("has every function of the C library, with its comment", function()
    local entries = {}
    for _, entry in ipairs(reference.c()) do
      entries[entry.name] = true
      assert.is_truthy(entry.text, entry.name .. " has no comment in its header")
    end
    local pipe = assert(io.popen("nm -D --defined-only " .. program.quote(build
      .. "/libenclave.so")))
    local count = 0
    for line in pipe:lines() do
      local name = line:match(" T ([%w_]+)")
      if name then
        assert.is_true(entries[name], name .. " is in no header")
        count = count + 1
      end
    end
    pipe:close()
    assert.is_true(count > 10)
  end)

  it("is written by the build", function()
    local written = program.read(build .. "/documents/reference.md")
    for name in pairs(known) do
      assert.is_truthy(written:find("\n### `" .. name .. "(", 1, true), name)
    end
    for _, entry in ipairs(reference.c()) do
      assert.is_truthy(written:find("\n### `" .. entry.name .. "`\n", 1, true), entry.name)
    end
  end)
end)
