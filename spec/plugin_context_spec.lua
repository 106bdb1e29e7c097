-- What a tool finds in its context: other tools, other sandboxes, progress, secrets; and what
-- becomes of one that never ends. On a real Docker Engine.
local core = require "enclave.core"
local enclave = require "enclave"
local redact = require "enclave.redact"
local support = require "spec.support"

local secret = "s3cret-value-of-the-host"

local tools = {
  compose = [[execute = function(_, params, context)
    local shell = assert(context.call("shell_executor", { command = "echo from the shell" }))
    local python = assert(context.call("python_executor", { code = "print(6 * 7)" }))
    local none, err = context.call("no_such_tool")
    return { output = shell.output .. python.output, metadata = { err = tostring(err),
      bad = tostring(select(2, context.call("shell_executor", { command = "x", cmmand = "x" }))) } }
  end]],
  recurse = [[execute = function(_, _, context)
    local result, err = context.call("recurse")
    return result or { output = "", error = tostring(err) }
  end]],
  several = [[execute = function(sandbox, _, context)
    local enclave = require "enclave"
    local other <close> = assert(context.borrow{ timeout = 10 })
    local function run(box)
      return function() return box:run{ command = "sleep 0.2; echo done" } end
    end
    local both = assert(enclave.gather{ run(sandbox), run(other.sandbox) })
    local none, err = context.borrow{ timeout = 0 }
    return { output = both[1].value.stdout .. both[2].value.stdout, metadata = {
      same = sandbox.id == other.sandbox.id, none = none == nil, code = err and err.code } }
  end]],
  keep = [[execute = function(_, _, context)
    local held = assert(context.borrow())
    return held.sandbox.id
  end]],
  progress = [[execute = function(_, _, context)
    for i = 1, 3 do
      context.progress({ step = i, of = 3 })
    end
    context.log("half done")
    return "done"
  end]],
  endless = [[budget = 1000000, execute = function(sandbox)
    assert(sandbox:run{ command = "true" })
    local count = 0
    while true do
      count = count + 1
    end
  end]],
  keeper = [[secrets = { "ENCLAVE_SPEC_SECRET" }, execute = function(sandbox, params, context)
    local pieces, first = {}, #params.code
    local run = assert(sandbox:run{ interpreter = "python3", code = params.code,
      env = context.secrets, on_stdout = params.pieces and function(bytes)
        pieces[#pieces + 1] = bytes
        context.progress(bytes)
      end or nil })
    if params.throw then
      error("the key is " .. context.secrets.ENCLAVE_SPEC_SECRET)
    end
    context.log("the key is " .. context.secrets.ENCLAVE_SPEC_SECRET)
    local streamed = {}
    for _, bytes in assert(sandbox:stream{ command = "printf %s \"$ENCLAVE_SPEC_SECRET\"",
      env = context.secrets }) do
      streamed[#streamed + 1] = bytes
    end
    return { output = run.stdout .. table.concat(pieces), error = run.stderr,
      metadata = { [context.secrets.ENCLAVE_SPEC_SECRET] = context.secrets,
        streamed = table.concat(streamed) } }
  end]],
}

-- As the documentation borrows: what it cannot have is thrown.
tools.greedy = [[description = "x", execute = function(_, _, context)
    local first <close> = assert(context.borrow{ timeout = 20 })
    local second <close> = assert(context.borrow{ timeout = 0.05 })
    return "more than there are"
  end]]

describe("the context of a tool", function()
  local folder, manager, logged

  setup(function()
    folder, logged = support.folder(), {}
    for name, body in pairs(tools) do
      folder:write(name .. ".lua", ("return { name = %q, api = 1, %s }"):format(name, body))
    end
    manager = assert(enclave.manager{ tools = { folder.path },
      secrets = { ENCLAVE_SPEC_SECRET = secret }, log_level = "info",
      on_log = function(_, line)
        logged[#logged + 1] = line
      end })
    assert(manager:initialize_pool{ pool_size = 2, config = { image = support.image } })
  end)
  teardown(function()
    manager:close()
    core.configure{ on_log = function() end, log_level = "warn" }
    folder:remove()
  end)

  local function call(name, parameters, options)
    return assert(manager:execute_tool_in_pool(name, parameters, options))
  end

  it("calls other tools in the same sandbox", function()
    local result = call("compose")
    assert.equal("from the shell\n42\n", result.output)
    assert.matches("there is no tool", result.metadata.err, 1, true)
    assert.matches('parameters.cmmand: unknown; did you mean "command"', result.metadata.bad, 1,
      true)
  end)

  it("bounds how deep tools call each other", function()
    local result = call("recurse")
    assert.matches("more than 16 deep", result.error, 1, true)
  end)

  it("calls tools that callers are not offered", function()
    assert(manager:initialize_pool{ name = "one", pool_size = 1,
      config = { image = support.image, tools_config = { "compose" } } })
    assert.equal("from the shell\n42\n", call("compose", {}, { pool = "one" }).output)
    local none, err = manager:execute_tool_in_pool("shell_executor", { command = "true" },
      { pool = "one" })
    assert.is_nil(none)
    assert.equal("not_found", err.code)
    assert(manager:close_pool("one"))
  end)

  it("borrows other sandboxes", function()
    local result = call("several")
    assert.equal("done\ndone\n", result.output)
    assert.is_false(result.metadata.same)
    assert.is_true(result.metadata.none)
    assert.equal("timeout", result.metadata.code)
    support.eventually(function()
      return manager:get_stats().idle == 2
    end, "both are back")
  end)

  it("passes on that no sandbox was free", function()
    local none, err = manager:execute_tool_in_pool("greedy")
    assert.is_nil(none)
    assert.equal("timeout", err.code)
    assert.matches("became free in time", err.message, 1, true)
  end)

  it("gives back what a tool forgets to", function()
    for _ = 1, 4 do
      assert.equal("success", call("keep").status)
    end
    support.eventually(function()
      return manager:get_stats().idle == 2
    end, "both are back")
  end)

  it("makes another sandbox where there is no pool", function()
    local box <close> = assert(enclave.sandbox{ image = support.image, tools = { folder.path } })
    local result = assert(box:execute_tool("several"))
    assert.equal("done\ndone\n", result.output)
    assert.is_false(result.metadata.same)
  end)

  it("tells its progress", function()
    local told = {}
    local result = call("progress", {}, { on_progress = function(event)
      told[#told + 1] = ("%d/%d"):format(event.step, event.of)
    end })
    assert.equal("done", result.output)
    assert.same({ "1/3", "2/3", "3/3" }, told)
    assert.equal("done", call("progress").output)
    assert.equal("done", call("progress", {}, { on_progress = error }).output)
    support.eventually(function()
      return table.concat(logged, "\n"):find("tool progress: half done", 1, true)
    end, "the line in the log")
    assert.has_error(function()
      manager:execute_tool_in_pool("progress", {}, { on_progress = 5 })
    end)
  end)

  it("is stopped when it never ends, with a traceback, and the engine goes on", function()
    local none, err = manager:execute_tool_in_pool("endless", {})
    assert.is_nil(none)
    assert.equal("internal", err.code)
    assert.matches("endless.lua:%d+: stopped after 1000000 instructions", err.message)
    assert.matches("stack traceback:", err.message, 1, true)
    assert.equal("done", call("progress").output)
  end)

  local mark = "[secret ENCLAVE_SPEC_SECRET]"

  it("has the secrets that it declared, and shows them to nobody", function()
    local told = {}
    local result = call("keeper", { pieces = true, code = [[
import os, sys, time
value = os.environ["ENCLAVE_SPEC_SECRET"]
assert len(value) == 24
sys.stderr.write("error: " + value)
for part in ("a ", value[:10], value[10:], " b ", value[:5], " c ", value[:20]):
    sys.stdout.write(part)
    sys.stdout.flush()
    time.sleep(0.02)
]] }, { on_progress = function(bytes)
      told[#told + 1] = bytes
    end })
    local expected = "a " .. mark .. " b s3cre c " .. secret:sub(1, 20)
    assert.equal(expected, table.concat(told))
    assert.equal(expected, result.output)
    assert.equal("error: " .. mark, result.error)
    assert.same({ ENCLAVE_SPEC_SECRET = mark }, result.metadata[mark])
    assert.equal(mark, result.metadata.streamed)
    assert.is_nil(enclave.json.encode(result):find(secret, 1, true))
    support.eventually(function()
      return table.concat(logged, "\n"):find("the key is " .. mark, 1, true)
    end, "the line in the log")
    assert.is_nil(table.concat(logged):find(secret, 1, true))
    local none, err = manager:execute_tool_in_pool("keeper", { code = "", throw = true })
    assert.is_nil(none)
    assert.matches("the key is " .. mark, err.message, 1, true)
    assert.is_nil(err.message:find(secret, 1, true))
  end)

  it("gives a secret to one run only", function()
    call("keeper", { code = "pass" })
    for _ = 1, 2 do
      assert.equal("none\n", call("shell_executor",
        { command = "echo ${ENCLAVE_SPEC_SECRET:-none}" }).output)
    end
  end)

  it("refuses the call when a secret is missing or too short", function()
    local other <close> = assert(enclave.manager{ tools = { folder.path } })
    assert(other:initialize_pool{ pool_size = 1, sandbox_type = "fake", config = {} })
    local none, err = other:execute_tool_in_pool("keeper", { code = "" })
    assert.is_nil(none)
    assert.equal("invalid", err.code)
    assert.matches("needs the secret ENCLAVE_SPEC_SECRET", err.message, 1, true)
    local short <close> = assert(enclave.manager{ tools = { folder.path },
      secrets = { ENCLAVE_SPEC_SECRET = "abc" } })
    assert(short:initialize_pool{ pool_size = 1, sandbox_type = "fake", config = {} })
    none, err = short:execute_tool_in_pool("keeper", { code = "" })
    assert.is_nil(none)
    assert.matches("has only 3 bytes", err.message, 1, true)
    assert.has_error(function()
      enclave.manager{ secrets = { A = 5 } }
    end)
  end)
end)

describe("a hook that never ends", function()
  it("is stopped, its sandbox is replaced, and the engine goes on", function()
    local folder = support.folder()
    finally(function()
      folder:remove()
    end)
    folder:write("endless.lua", [[
local count = 0
return { name = "endless", api = 1, on_borrow = function()
  count = count + 1
  while count == 1 do end
end }]])
    local manager <close> = assert(enclave.manager{ hooks = { folder.path } })
    assert(manager:initialize_pool{ pool_size = 1, sandbox_type = "fake" })
    local none, err = manager:execute_tool_in_pool("shell_executor", { command = "true" })
    assert.is_nil(none)
    assert.equal("internal", err.code)
    assert.matches("hook endless failed: .*endless.lua:4: stopped after 200000000 instructions",
      err.message)
    assert.matches("stack traceback:", err.message, 1, true)
    assert(manager:execute_tool_in_pool("shell_executor", { command = "true" }, 30))
    assert.equal(1, manager:get_stats().totals.retired.hook)
  end)

  it("but waits on the way back holds its sandbox no longer than max_timeout", function()
    local folder, lines = support.folder(), {}
    finally(function()
      folder:remove()
      core.configure({ on_log = function() end })
    end)
    folder:write("slow.lua", [[
local enclave = require "enclave"
return { name = "slow", api = 1, on_return = function() enclave.sleep(1000) end }]])
    local manager <close> = assert(enclave.manager{ hooks = { folder.path },
      on_log = function(_, line)
        lines[#lines + 1] = line
      end })
    assert(manager:initialize_pool{ pool_size = 1, sandbox_type = "fake",
      config = { max_timeout = 0.2 } })
    for _ = 1, 2 do
      assert(manager:execute_tool_in_pool("shell_executor", { command = "true" }, 30))
    end
    assert.is_true(manager:get_stats().totals.retired.hook >= 1)
    assert.matches("the on_return hooks did not end within 0.2 seconds", table.concat(lines, "\n"),
      1, true)
  end)
end)

describe("redacting", function()
  it("finds secrets in texts, tables and lines", function()
    local redactor = redact.new({ A = "secret-one", B = "-----BEGIN\nline-of-the-key\nx\n" })
    assert.equal("x [secret A] y [secret A]", redactor:text("x secret-one y secret-one"))
    assert.equal("> [secret B]", redactor:text("> line-of-the-key"))
    assert.same({ a = { "[secret A]", 5 } }, redactor:value({ a = { "secret-one", 5 } }))
    assert.is_nil(redact.new({}))
  end)

  it("finds a secret however its bytes come", function()
    local redactor = redact.new({ A = "ababac", B = "bacher" })
    local text = "xx ababac ab abxbacher aba"
    local whole = redactor:text(text)
    for size = 1, 7 do
      local out = {}
      local write = redactor:stream(function(bytes)
        out[#out + 1] = bytes
      end)
      for from = 1, #text, size do
        write(text:sub(from, from + size - 1))
      end
      write()
      assert.equal(whole, table.concat(out))
    end
  end)
end)

describe("schemas", function()
  it("are in the form that the APIs of models want", function()
    local function named(list, name)
      for _, tool in ipairs(list) do
        if (tool.name or tool["function"].name) == name then
          return tool
        end
      end
    end
    local openai = named(assert(enclave.schemas("openai")), "python_executor")
    assert.equal("function", openai.type)
    assert.equal("object", openai["function"].parameters.type)
    assert.same({ "code" }, openai["function"].parameters.required)
    local anthropic = named(assert(enclave.schemas("anthropic")), "python_executor")
    assert.same(openai["function"].parameters, anthropic.input_schema)
    assert.is_true(#anthropic.description > 0)
    assert.equal(1, #assert(enclave.schemas("openai", { tools_config = { "python_executor" } })))
    assert.has_error(function() enclave.schemas("openapi") end)
    assert.is_nil((enclave.schemas("openai", { tools_config = { "no_such" } })))
    assert.equal("[]", enclave.json.encode(enclave.schemas("openai", { tools_config = {} })))
  end)

  it("have lists where JSON has lists, and properties", function()
    local bare = support.folder()
    finally(function()
      bare:remove()
    end)
    bare:write("bare.lua", 'return { name = "bare", api = 1, execute = function() end }')
    bare:write("empty.lua", [[return { name = "empty", api = 1, execute = function() end,
      parameters = { type = "object", required = {}, properties = {
        a = { type = "array", default = {}, items = { type = "object", required = {} } } } } }]])
    local list = assert(enclave.schemas("anthropic", { tools = { bare.path },
      tools_config = { "bare", "empty" } }))
    assert.equal('{"properties":{},"type":"object"}', enclave.json.encode(list[1].input_schema))
    assert.equal('{"properties":{"a":{"default":[],"items":{"required":[],"type":"object"},'
      .. '"type":"array"}},"required":[],"type":"object"}',
      enclave.json.encode(list[2].input_schema))
  end)

  it("are served over HTTP", function()
    local server = require "enclave.server"
    local manager <close> = assert(enclave.manager())
    local http <close> = assert(server.new(manager, { port = 0 }))
    local function get(path)
      local reply = assert(core.http({ url = http:url() .. path }))
      return reply.status, enclave.json.decode(reply.body)
    end
    local status, list = get("/tools?format=anthropic&sandbox_type=docker_notebook")
    assert.equal(200, status)
    assert.same(assert(enclave.schemas("anthropic", { sandbox_type = "docker_notebook" })), list)
    status, list = get("/tools")
    assert.equal(200, status)
    assert.equal("function", list[1].type)
    assert.equal(400, (get("/tools?format=x")))
    assert.equal(400, (get("/tools?sandbox_type=x")))
  end)
end)
