local registry = require "enclave.plugins.registry"
local support = require "spec.support"

local good = [[
return { name = "NAME", api = 1, parameters = { type = "object" }, execute = function()
  return "VERSION"
end }]]

local function tool_text(name, version)
  return (good:gsub("NAME", name):gsub("VERSION", version or "1"))
end

describe("the registry", function()
  local folder

  before_each(function()
    folder = support.folder()
  end)
  after_each(function()
    folder:remove()
  end)

  local function load(options)
    options = options or {}
    options.tools = options.tools or { folder.path }
    options.interval = 0
    return registry.new(options)
  end

  it("has the built-in tools and the reset hook", function()
    local known = assert(registry.new())
    for _, name in ipairs({ "file_operation", "python_executor", "shell_executor" }) do
      assert.equal(name, assert(known:tool(name)).name)
    end
    local hooks = known:hooks("on_return")
    assert.equal("reset", hooks[#hooks].name)
  end)

  it("finds a user's tool in a folder and as a file", function()
    folder:write("mine.lua", tool_text("mine"))
    assert.truthy(assert(load()):tool("mine"))
    assert.truthy(assert(load({ tools = { folder.path .. "/mine.lua" } })):tool("mine"))
  end)

  it("lists the known tools for one that is not", function()
    local tool, err = assert(load()):tool("pyton_executor")
    assert.is_nil(tool)
    assert.equal("not_found", err.code)
    assert.matches('did you mean "python_executor"', err.message, 1, true)
    assert.matches("known: file_operation, multi_code_executor, notebook_executor,", err.message, 1,
      true)
  end)

  local broken = {
    ["return {"] = "mine.lua:1:",
    ["x = 1 return {}"] = 'mine.lua:1: assignment to the global "x"',
    ["local function f() y = 2 end\nf()"] = "mine.lua:1:",
    ["return 5"] = "mine.lua: expected the file to return a table, got a number",
    ["error('no')"] = "mine.lua:1: no",
    ["error({})"] = "mine.lua: table",
    ["return { api = 1, execute = print }"] = "mine.lua:1: name: missing; expected a string",
    ["return { name = 5, api = 1, execute = print }"] =
      "mine.lua:1: name: expected a string, got number 5",
    ["return { name = 'a b', api = 1, execute = print }"] = "mine.lua:1: name: expected a letter",
    ["return { name = 'a', execute = print }"] = "mine.lua:1: api: missing",
    ["return { name = 'a', api = 2, execute = print }"] = "api: expected 1, got number 2",
    ["return { name = 'a', api = 1 }"] = "mine.lua:1: execute: missing; expected a function",
    ["return { name = 'a', api = 1, execute = 'x' }"] = "execute: expected a function",
    ["return { name = 'a', api = 1, execute = print, warn = {} }"] =
      'mine.lua:1: warn: unknown field; did you mean "warm"?',
    ["return { name = 'a', api = 1, execute = print, parameters = { type = 'object',"
      .. " pattern = 'x' } }"] = 'mine.lua:1: parameters.pattern: unknown keyword; known: ',
    ["return { name = 'a', api = 1, execute = print, parameters = {} }"] =
      'parameters.type: expected "object"',
    ["return { name = 'a', api = 1, execute = print, warm = { 5 } }"] =
      "warm: expected a list of strings, got number 5",
    ["\27Lua"] = "mine.lua",
  }
  for text, message in pairs(broken) do
    it("refuses a file: " .. message, function()
      folder:write("mine.lua", text)
      local known, err = load()
      assert.is_nil(known)
      assert.equal("invalid", err.code)
      assert.matches(message, err.message, 1, true)
      assert.is_nil(rawget(_G, "x"))
      assert.is_nil(rawget(_G, "y"))
    end)
  end

  it("names every file that is not right, and paths that are not there", function()
    folder:write("a.lua", "return {")
    folder:write("b.lua", "return 5")
    local _, err = load({ tools = { folder.path, "/nowhere/at/all" } })
    assert.matches("a.lua", err.message, 1, true)
    assert.matches("b.lua", err.message, 1, true)
    assert.matches("/nowhere/at/all", err.message, 1, true)
  end)

  it("refuses a hook without events", function()
    folder:write("mine.lua", "return { name = 'a', api = 1 }")
    local _, err = load({ tools = {}, hooks = { folder.path } })
    assert.matches("expected at least one of on_create", err.message, 1, true)
  end)

  it("orders hooks by priority, then name; reset stays last", function()
    folder:write("1.lua", "return { name = 'z', api = 1, priority = -5, on_return = print }")
    folder:write("2.lua", "return { name = 'b', api = 1, on_return = print }")
    folder:write("3.lua", "return { name = 'a', api = 1, on_return = print }")
    local names = {}
    for i, hook in ipairs(assert(load({ tools = {}, hooks = { folder.path } }))
      :hooks("on_return")) do
      names[i] = hook.name
    end
    assert.same({ "z", "a", "b", "reset" }, names)
  end)

  it("lets the later on the path hold", function()
    folder:write("python.lua", tool_text("python_executor", "mine"))
    local known = assert(load())
    assert.equal("mine", known:tool("python_executor").execute())
  end)

  it("follows changes, new files and removals", function()
    folder:write("mine.lua", tool_text("mine", "one"))
    local known = assert(load())
    local old = known:tool("mine")
    folder:write("mine.lua", tool_text("mine", "second"))
    assert.equal("second", known:tool("mine").execute())
    assert.equal("one", old.execute())
    folder:write("other.lua", tool_text("other"))
    assert.truthy(known:tool("other"))
    folder:delete("mine.lua")
    assert.is_nil((known:tool("mine")))
  end)

  it("keeps the old version of a file that breaks", function()
    folder:write("mine.lua", tool_text("mine", "one"))
    local known = assert(load())
    folder:write("mine.lua", "return { broken")
    assert.equal("one", known:tool("mine").execute())
    folder:write("mine.lua", tool_text("mine", "mended"))
    assert.equal("mended", known:tool("mine").execute())
  end)

  it("looks at most once an interval", function()
    folder:write("mine.lua", tool_text("mine", "one"))
    local known = assert(registry.new({ tools = { folder.path }, interval = 1000 }))
    folder:write("mine.lua", tool_text("mine", "second"))
    assert.equal("one", known:tool("mine").execute())
  end)

  it("reads globals, require and a first line with #!", function()
    folder:write("mine.lua", "#!/usr/bin/env lua\n" .. [[
local json = require "enclave.json"
return { name = "mine", api = 1, execute = function() return json.encode({ math.pi > 3 }) end }]])
    assert.equal("[true]", assert(load()):tool("mine").execute())
  end)
end)
