-- Documents, annotations and code say the same about tools and hooks.
local core = require "enclave.core"
local definitions = require "enclave.plugins.definitions"
local documents = require "spec.documents"
local enclave = require "enclave"
local support = require "spec.support"

local guide = "examples/custom_tool/README.md"

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

describe("the documents of tools", function()
  it("have the tables that the tool files give", function()
    assert.is_true(read(documents.reference) == documents.tools(),
      documents.reference .. " is old: lua5.4 spec/documents.lua writes it again")
  end)

  it("name every field of a tool and a hook, and no other", function()
    local text = read(guide)
    local tools = text:match("## The fields of a tool\n(.-)\n## ")
    local hooks = text:match("\n# Hooks(.*)")
    local function compare(part, fields)
      local told = {}
      for row in part:gmatch("\n(|[^\n]*)") do
        for name in row:match("^|([^|]*)|"):gmatch("`([%w_]+)") do
          told[name] = true
        end
      end
      for name in pairs(fields) do
        assert.is_true(told[name], ("%s does not tell of %s"):format(guide, name))
        told[name] = nil
      end
      assert.same({}, told)
    end
    compare(tools, definitions.tool_fields)
    compare(hooks, definitions.hook_fields)
  end)

  it("show Lua that is that of the files", function()
    local count = 0
    for code in read(guide):gmatch("```lua\n(.-)```") do
      assert(load(code))
      local path, rest = code:match("^%-%- (examples/%S+%.lua)\n(.*)$")
      if path then
        count = count + 1
        assert.equal(read(path), rest)
      end
    end
    assert.equal(2, count)
  end)

  it("tell of a context as it is, and so does its annotation", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    folder:write("mine.lua", [[return { name = "mine", api = 1,
      execute = function(_, _, context)
        local names = {}
        for name in pairs(context) do names[#names + 1] = name end
        table.sort(names)
        return table.concat(names, " ")
      end }]])
    local manager <close> = assert(enclave.manager{ tools = { folder.path } })
    assert(manager:initialize_pool{ pool_size = 1, sandbox_type = "fake" })
    local given = assert(manager:execute_tool_in_pool("mine", {}, { on_stdout = print,
      on_stderr = print })).output
    local annotated, told = {}, {}
    for name in read("lua/enclave/execute.lua"):match("@class enclave.ToolContext\n(.-)\n\n")
      :gmatch("@field ([%w_]+)") do
      annotated[#annotated + 1] = name
    end
    local part = read(guide):match("## The context\n\n(.-)\n\n")
    for row in part:gmatch("[^\n]+") do
      for name in row:match("^|([^|]*)|"):gmatch("`context%.([%w_]+)") do
        told[#told + 1] = name
      end
    end
    table.sort(annotated)
    table.sort(told)
    assert.equal(given, table.concat(annotated, " "))
    assert.equal(given, table.concat(told, " "))
  end)
end)

describe("the annotations", function()
  local meta = read("lua/enclave/meta.lua")

  it("know every function of the core", function()
    local annotated = {}
    for name in meta:gmatch("\nfunction core%.([%w_]+)") do
      annotated[name] = true
    end
    for name, value in pairs(core) do
      if type(value) == "function" then
        assert.is_true(annotated[name], "lua/enclave/meta.lua does not know core." .. name)
        annotated[name] = nil
      end
    end
    assert.same({}, annotated)
  end)

  it("are before every function of the module", function()
    local text = read("lua/enclave/init.lua")
    for name, value in pairs(enclave) do
      local declared = ("function enclave.%s("):format(name)
      if type(value) == "function" and text:find(declared, 1, true) then
        assert.matches(("\n%%-%%-%%-[^\n]*\nfunction enclave%%.%s%%("):format(name), text)
      end
    end
  end)
end)
