-- Loading of plugin files: what is wrong is said with its line.
local check = require "enclave.plugins.check"
local core = require "enclave.core"
local globals = require "enclave.plugins.globals"
local loader = require "enclave.plugins.loader"
local source_map = require "enclave.plugins.source_map"
local support = require "spec.support"

describe("globals", function()
  it("are found in the bytecode, with lines, in inner functions too", function()
    local uses = globals.of(assert(load([[
local a = print
b = 1

local function f()
  return function() c = d.e; local _ENV = {}; no = 1 end
end
]] .. ("-- a comment\n"):rep(300) .. "return f, a, last", "@x")))
    local seen = {}
    for i, use in ipairs(uses) do
      seen[i] = ("%d%s%s"):format(use.line, use.set and "=" or " ", use.name)
    end
    assert.same({ "1 print", "2=b", "5=c", "5 d", "307 last" }, seen)
  end)

  it("are none in nothing", function()
    assert.same({}, globals.of(assert(load(""))))
  end)
end)

describe("the map of a source", function()
  it("knows the lines of nested fields", function()
    local line_of = source_map.of([==[
local schema = { type = "object", -- { not this }
  properties = {
    a = { type = "string" },
  },
}
local function f() return { x = 1 } end
return {
  name = "}", ["version"] = [[
2]],
  execute = function(a, b) if a then return b, { 1 } end end,
  parameters = schema,
  warm = { "sh",
    "python3" },
}
]==])
    assert.equal(7, line_of(""))
    assert.equal(8, line_of("name"))
    assert.equal(8, line_of("version"))
    assert.equal(10, line_of("execute"))
    assert.equal(3, line_of("parameters.properties.a.type"))
    assert.equal(3, line_of("parameters.properties.a.nothing"))
    assert.equal(13, line_of("warm[2]"))
    assert.equal(7, line_of("missing"))
    assert.is_nil(source_map.of("return x")("name"))
    assert.equal(1, source_map.of("return { [")("name"))
  end)
end)

describe("check", function()
  local folder

  before_each(function()
    folder = support.folder()
  end)
  after_each(function()
    folder:remove()
  end)

  local function report(text)
    local path = folder:write("mine.lua", text)
    local found = check.file(path)
    local lines = {}
    for i, finding in ipairs(found.findings) do
      lines[i] = ("%s%s: %s"):format(finding.level:sub(1, 1), finding.line or "-",
        finding.message)
    end
    return found, lines
  end

  it("explains every problem with its line", function()
    local found, lines = report([[
local count = 0
return {
  name = "mine too",
  api = 1,
  parameters = {
    type = "object",
    properties = {
      a = { type = "strin" },
      b = { minimum = "1",
        patern = "x" },
      c = { type = "integer", default = "five" },
    },
  },
  warn = { "sh" },
  budget = 0.5,
  secrets = { "A-B" },
  execute = function(sandbox)
    total = count
    return sandbox:run{ command = comand }
  end,
}
]])
    assert.is_false(found.ok)
    assert.equal("tool", found.kind)
    assert.same({
      'e3: name: expected a letter, then letters, digits, _ . -, got string "mine too"',
      "e8: parameters.properties.a.type: expected one of array, boolean, integer, null, number,"
        .. ' object, string, got string "strin"',
      'e9: parameters.properties.b.minimum: expected a number, got string "1"',
      lines[4],
      'e14: warn: unknown field; did you mean "warm"?',
      "e15: budget: expected a whole number of instructions, got number 0.5",
      'e16: secrets: expected names, got string "A-B"',
      'e18: assignment to the global "total"; write "local total"',
      'e19: there is no global "comand"',
    }, lines)
    assert.matches("^e10: parameters.properties.b.patern: unknown keyword", lines[4])
  end)

  it("tells of a default that does not fit", function()
    local _, lines = report([[
return { name = "a", api = 1, description = "d", execute = print, parameters = {
  type = "object", additionalProperties = false,
  properties = { c = { type = "integer", default = "five", description = "c" } } } }]])
    assert.same({ "e3: parameters.properties.c.default: expected an integer, got string"
      .. ' "five"' }, lines)
  end)

  it("tells what stops it from being read", function()
    local _, lines = report("return {\n  name = \n}")
    assert.same({ "e3: unexpected symbol near '}'" }, lines)
    _, lines = report("local x = nil\nreturn x.y")
    assert.same({ "e2: attempt to index a nil value (local 'x')" }, lines)
    _, lines = report("\nwhile true do end")
    assert.same({ "e2: stopped after 10000000 instructions, the most that one call may execute" },
      lines)
    _, lines = report("return 5")
    assert.same({ "e-: expected the file to return a table, got a number" }, lines)
    assert.matches("No such file", check.file("/nowhere/x.lua").findings[1].message, 1, true)
  end)

  it("knows a hook from a tool, and its problems", function()
    local found, lines = report("return { name = 'a', api = 1, on_return = 5 }")
    assert.equal("hook", found.kind)
    assert.same({ "e1: on_return: expected a function, got number 5" }, lines)
    found, lines = report("return { name = 'a', api = 1, on_return = print }")
    assert.is_true(found.ok)
    assert.same({}, lines)
  end)

  it("knows what a file was to be, also when that is mistyped", function()
    local found, lines = report("return { name = 'a', api = 1, on_retrun = print }")
    assert.equal("hook", found.kind)
    assert.same({ 'e1: on_retrun: unknown field; did you mean "on_return"?' }, lines)
    for place, kind in pairs({ tools = "tool", hooks = "hook", languages = "language",
      routes = "route" }) do
      os.execute(("mkdir '%s/%s'"):format(folder.path, place))
      local path = folder:write(place .. "/x.lua", "return { name = 'a', api = 1 }")
      assert.equal(kind, check.file(path).kind)
    end
  end)

  it("looks at routes", function()
    local found, lines = report([[
return { name = "a", api = 1, routes = {
  { "get", "/a", print },
  { "GET", "/a/{id2}", print },
  { "GET", "/a/x-{id}", print },
  { "GET", "/a/{body}", print },
  { "GET", "/a/{id}", print },
} }]])
    assert.equal("route", found.kind)
    assert.same({
      'e2: routes[1]: expected { "GET", "/path/{id}", function, { summary = … } }',
      "e3: routes[2]: /a/{id2}: expected a placeholder to be a whole part, {name} of letters and"
        .. ' _, got string "{id2}"',
      "e4: routes[3]: /a/x-{id}: expected a placeholder to be a whole part, {name} of letters and"
        .. ' _, got string "x-{id}"',
      "e5: routes[4]: /a/{body}: the request has a body of its own; name the placeholder"
        .. " otherwise",
    }, lines)
    found, lines = report('return { name = "a", api = 1, routes = { { "GET", "/{id}", print } } }')
    assert.is_true(found.ok)
    assert.same({}, lines)
  end)

  it("warns of names that nothing answers to", function()
    local _, lines = report([[
return { name = "a", api = 1, description = "d", execute = print,
  parameters = { type = "object", additionalProperties = false },
  warm = { "sh", "python" },
  sandbox_types = { "dockr" } }]])
    assert.same({ 'w3: warm: "python" is not kept running; did you mean "python3"?',
      'w4: sandbox_type: there is no type "dockr"; expected "docker" or'
        .. ' "docker_notebook"; did you mean "docker"?' }, lines)
  end)

  it("warns of what is worth a second look", function()
    local found, lines = report([[
return {
  name = "shell_executor",
  api = 1,
  parameters = { type = "object", required = { "b" },
    properties = { a = { type = "string" } } },
  execute = print,
}]])
    assert.is_true(found.ok)
    assert.matches("^w1: description: missing", lines[1])
    assert.matches("^w2: name: a tool shell_executor is in .*/tools/shell_executor.lua too",
      lines[2])
    assert.matches("^w4: parameters.additionalProperties", lines[3])
    assert.matches("^w4: parameters.required: b is not among", lines[4])
    assert.same({ "w5: parameters.properties.a: has no description" }, { lines[5] })
    local written = check.lines(found)
    assert.matches("mine.lua:1: warning: description: missing", written[1], 1, true)
    assert.matches("mine.lua: tool shell_executor: 0 errors, 5 warnings", written[6], 1, true)
  end)

  it("finds nothing in the built-in tools, hooks and the examples", function()
    for _, place in ipairs({ "lua/enclave/tools", "lua/enclave/hooks",
      "examples/custom_tool/tools", "examples/custom_tool/hooks" }) do
      for _, item in ipairs(assert(core.scandir(place))) do
        if item.name:find("%.lua$") then
          local path = place .. "/" .. item.name
          assert.same({}, check.file(path).findings, path)
        end
      end
    end
  end)
end)

describe("a plugin file", function()
  it("has an environment of its own", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    local path = folder:write("mine.lua", [[
_G.leak = 1
return { name = "mine", api = 1, execute = print }]])
    local record, problems = loader.load(path, "tool")
    assert.is_nil(record)
    assert.equal('assignment to the global "leak"; write "local leak"', problems[1].message)
    assert.equal(1, problems[1].line)
    assert.is_nil(rawget(_G, "leak"))
  end)
end)
