-- Runs one tool in one sandbox and makes a result of what it returned.
local core = require "enclave.core"
local errors = require "enclave.errors"
local lease = require "enclave.lease"
local redact = require "enclave.redact"
local result = require "enclave.result"
local sandbox_methods = require "enclave.sandbox"

local execute = {}

---Tools that call each other, at most.
local deepest = 16
-- What is shorter would be found in too much that is none.
local shortest_secret = 6

-- What a tool may throw that is not its own fault.
local passed_on = { lost = true, cancelled = true, closed = true, timeout = true,
  exhausted = true, unavailable = true }

---@class enclave.Listeners what a caller hears while a tool runs
---@field on_stdout? fun(bytes: string) output as it comes, of tools that pass it on; the result
--- holds it all the same. What it waits for, the program waits for.
---@field on_stderr? fun(bytes: string)
---@field on_progress? fun(event: any) what the tool tells by context.progress

---@class enclave.ToolHost: enclave.Listeners what a tool's surroundings offer to it
---@field tools enclave.Toolset
---@field sandbox_type string
---@field pool? string
---@field borrow fun(timeout?: number): enclave.Lease|nil, enclave.Error?
---@field depth? integer
---@field clean? boolean

---@class enclave.ToolCall
---@field tool enclave.Tool
---@field config table
---@field parameters table
---@field secrets table<string, string>

local function secrets_of(tool, registry, op)
  local secrets = {}
  for _, name in ipairs(tool.secrets) do
    local value = registry:secret(name)
    if not value then
      return nil, errors.new("invalid", ("the tool %s needs the secret %s: set it in the"
        .. " environment of this program, or in the manager's secrets"):format(tool.name, name),
        op)
    elseif #value < shortest_secret then
      return nil, errors.new("invalid", ("the secret %s has only %d bytes; expected at least %d,"
        .. " so that it can be kept out of results"):format(name, #value, shortest_secret), op)
    end
    secrets[name] = value
  end
  return secrets
end

---A tool and its parameters, found and checked; nothing runs yet.
---@param tools enclave.Toolset
---@param name string
---@param parameters table|nil
---@param op string
---@param unlisted? boolean also one that is not offered to callers
---@return enclave.ToolCall|nil call
---@return enclave.Error? err
function execute.prepare(tools, name, parameters, op, unlisted)
  errors.check(op, "tool_name", name, "string")
  errors.check(op, "parameters", parameters, "table|nil")
  local tool, config = tools:find(name, unlisted)
  if not tool then
    return nil, config
  end
  local checked, problem = tool.validate(parameters or {})
  if not checked then
    return nil, errors.new("invalid", problem, op)
  end
  local secrets, err = secrets_of(tool, tools.registry, op)
  if not secrets then
    return nil, err
  end
  return { tool = tool, config = config, parameters = checked, secrets = secrets }
end

---@class enclave.ToolContext
---@field tool_name string
---@field sandbox_type string
---@field pool? string its name; nil: the sandbox belongs to none
---@field config table the tool's entry in tools_config, with the defaults of its schema
---@field secrets table<string, string> those that it declared: `env = context.secrets`
---@field languages string[] folders with languages, besides the usual ones
---@field clean boolean the sandbox came clean to this call
---@field kept table lives as long as the manager; all calls of all tools share it
---@field on_stdout? fun(bytes: string) for sandbox:run, with keep_output, when a caller listens
---@field on_stderr? fun(bytes: string)
---@field call fun(tool_name: string, parameters?: table): enclave.Result|nil, enclave.Error?
---@field borrow fun(options?: { timeout?: number }): enclave.Lease|nil, enclave.Error?
---@field progress fun(event: any)
---@field log fun(line: string)

-- context.call: another tool in the same sandbox, offered to callers or not.
local function caller(sandbox, host)
  local depth = (host.depth or 0) + 1
  local inner = setmetatable({ depth = depth, clean = false, on_stdout = false,
    on_stderr = false },
    { __index = host }) -- whoever listens hears the outer tool's output
  return function(name, parameters)
    if depth >= deepest then
      return nil, errors.new("invalid", ("tools call each other more than %d deep"):format(deepest),
        "context.call")
    end
    local call, err = execute.prepare(host.tools, name, parameters, "context.call", true)
    if not call then
      return nil, err
    end
    return execute.run(sandbox, call, inner, 0)
  end
end

-- context.borrow: another sandbox like this one. What is not closed when the call ends, is then.
local function borrower(host, redactor, borrowed)
  return function(options)
    errors.check_options("context.borrow", options, { timeout = "number" })
    local held, err = host.borrow(options and options.timeout)
    if held and redactor then
      sandbox_methods.redact(held.sandbox, redactor)
    end
    borrowed[#borrowed + 1] = held
    return held, err
  end
end

local function give_back(borrowed)
  for _, held in ipairs(borrowed) do
    local _ <close> = held
  end
end

local function context_of(sandbox, call, host, redactor, borrowed)
  local function clean(value)
    return redactor and redactor:value(value) or value
  end
  return {
    tool_name = call.tool.name,
    sandbox_type = host.sandbox_type,
    pool = host.pool,
    config = call.config,
    secrets = call.secrets,
    languages = host.tools.registry.languages,
    clean = host.clean or false,
    kept = host.tools.registry.kept,
    on_stdout = host.on_stdout or nil,
    on_stderr = host.on_stderr or nil,
    call = caller(sandbox, host),
    borrow = borrower(host, redactor, borrowed),
    progress = function(event)
      local fine, problem = true, nil
      if host.on_progress then
        fine, problem = pcall(host.on_progress, clean(event))
      end
      if not fine then
        core.log("warn", "on_progress failed: " .. tostring(problem))
      end
    end,
    log = function(line)
      core.log("info", ("tool %s: %s"):format(call.tool.name, clean(tostring(line))))
    end,
  }
end

local function clean_error(err, redactor)
  if not (err and redactor) then
    return err
  end
  return errors.new(err.code, redactor:text(err.message), err.op)
end

-- What a tool threw may have metamethods of its own: they are the tool's, too.
local function thrown(tool, value)
  if errors.is(value) and passed_on[value.code] then
    return value
  end
  local ok, text = core.bounded(tool.budget, tostring, value)
  return errors.new("internal", ("the tool %s threw: %s"):format(tool.name,
    ok and text or ("a %s that has no text"):format(type(value))), "tool." .. tool.name)
end

---@param sandbox enclave.Sandbox
---@param call enclave.ToolCall
---@param host enclave.ToolHost
---@param waited number seconds
---@return enclave.Result|nil
---@return enclave.Error? err
function execute.run(sandbox, call, host, waited)
  local tool, id, last_reset = call.tool, sandbox.id, sandbox.last_reset
  local redactor = redact.new(call.secrets)
  local _ <close> = redactor and sandbox_methods.redact(sandbox, redactor)
  local borrowed <close> = setmetatable({}, { __close = give_back })
  local started = core.now()
  local ok, returned, failure = core.bounded(tool.budget, tool.execute, sandbox,
    call.parameters, context_of(sandbox, call, host, redactor, borrowed))
  if not ok then
    return nil, clean_error(thrown(tool, returned), redactor)
  end
  local built, err
  ok, built, err = core.bounded(tool.budget, result.build, tool.name, returned, failure,
    { sandbox_id = id, wait = waited, run = core.now() - started, last_reset = last_reset })
  if not ok then
    return nil, clean_error(thrown(tool, built), redactor)
  end
  if redactor then
    return built and redactor:value(built), clean_error(err, redactor)
  end
  return built, err
end

---@param host enclave.ToolHost
---@param options? enclave.Listeners
---@param clean? boolean
---@return enclave.ToolHost # the same, with those who listen to this call
function execute.listening(host, options, clean)
  if not options then
    return host
  end
  return setmetatable({ on_progress = options.on_progress, on_stdout = options.on_stdout,
    on_stderr = options.on_stderr, clean = clean }, { __index = host })
end

---@alias enclave.Runner fun(sandbox: enclave.Sandbox, tool: string, parameters?: table,
--- options?: table): enclave.Result|nil, enclave.Error?

---A function that runs tools by their names, for Sandbox:execute_tool.
---@param host enclave.ToolHost
---@return enclave.Runner
function execute.runner(host)
  return function(sandbox, name, parameters, options)
    local call, err = execute.prepare(host.tools, name, parameters, "execute_tool")
    if not call then
      return nil, err
    end
    return execute.run(sandbox, call, execute.listening(host, options), 0)
  end
end

---The same for a sandbox that belongs to no pool.
---@param tools enclave.Toolset
---@param create fun(): enclave.Sandbox|nil, enclave.Error? makes another one like it
---@return enclave.Runner
function execute.alone(tools, create)
  return execute.runner({ tools = tools, sandbox_type = tools.sandbox_type, borrow = function()
    local sandbox, err = create()
    return sandbox and lease.own(sandbox), err
  end })
end

return execute
