-- What the Lua side adds to a sandbox of the C core: run, stream, and tools on a sandbox of
-- one's own.
local core = require "enclave.core"
local errors = require "enclave.errors"
local names = require "enclave.files.names"
local run_spec = require "enclave.run_spec"
local stream = require "enclave.stream"

local sandbox = {}

---What the policy knows about a sandbox: which tools, which work folder, files in use.
---@class enclave.SandboxContext
---@field work_folder? string
---@field keeps? boolean what is in its work folder is its user's
---@field in_use? table<string, boolean>
---@field redactors? table<enclave.Redactor, integer> of the tool calls that run in it
---@field execute? fun(sandbox: enclave.Sandbox, tool: string, parameters?: table, options?: table)

---@type table<enclave.Sandbox, enclave.SandboxContext>
local contexts = setmetatable({}, { __mode = "k" })

---Ties a sandbox to what the policy knows about it.
---@param box enclave.Sandbox
---@param context enclave.SandboxContext
function sandbox.bind(box, context)
  contexts[box] = context
end

local function context_of(box)
  local context = contexts[box]
  if not context then
    context = {}
    contexts[box] = context
  end
  return context
end

---What runs in this sandbox shows no secrets from now on, until the value is closed.
---@param box enclave.Sandbox
---@param redactor enclave.Redactor
---@return any # to be closed
function sandbox.redact(box, redactor)
  local context = context_of(box)
  local active = context.redactors or {}
  context.redactors = active
  active[redactor] = (active[redactor] or 0) + 1
  return setmetatable({}, { __close = function()
    active[redactor] = active[redactor] > 1 and active[redactor] - 1 or nil
  end })
end

local function work_folder_of(box)
  local context = context_of(box)
  if not context.work_folder then
    local facts = box:describe()
    context.work_folder = facts and facts.config and facts.config.working_dir or "/sandbox"
  end
  return context.work_folder
end

-- Runs at the same time in one sandbox must not share the file of their code; nor is it one that
-- its user may have, such as main.py, where files are kept.
local function free_name(context, file)
  context.in_use = context.in_use or {}
  file = context.keeps and "." .. file or file
  local name, stem, extension = file, file:match("^(.*)(%..*)$")
  local count = 1
  while context.in_use[name] do
    count = count + 1
    name = ("%s_%d%s"):format(stem, count, extension)
  end
  context.in_use[name] = true
  return name
end

---Code goes to other files than these, until the value is closed.
---@param box enclave.Sandbox
---@param files table<string, any> by name
---@return any # to be closed
function sandbox.reserve(box, files)
  local context, taken = context_of(box), {}
  context.in_use = context.in_use or {}
  for name in pairs(files) do
    name = names.absolute(name, ""):sub(2)
    if not context.in_use[name] then
      context.in_use[name], taken[name] = true, true
    end
  end
  return setmetatable({}, { __close = function()
    for name in pairs(taken) do
      context.in_use[name] = nil
    end
  end })
end

-- exec, and what to call when the run has ended.
local function prepare(op, box, spec)
  if type(box) ~= "userdata" then
    errors.throw(op, ("called with a dot; expected a colon: sandbox:%s{ … }"):format(
      op:match("%a+$")))
  end
  local context = context_of(box)
  local exec, err = run_spec.exec(op, spec, function()
    return work_folder_of(box)
  end, function(file)
    return free_name(context, file)
  end)
  local function release()
    if exec and exec.code_path then
      context.in_use[exec.code_path] = nil
    end
  end
  return exec, err, release
end

-- Both streams of a run, whole or piece by piece, without the secrets.
local function run_redacted(box, exec, active)
  local redactors, ends = {}, {}
  for redactor in pairs(active) do
    redactors[#redactors + 1] = redactor
    for _, name in ipairs({ "on_stdout", "on_stderr" }) do
      if exec[name] then
        exec[name] = redactor:stream(exec[name])
        table.insert(ends, 1, exec[name]) -- the outermost first
      end
    end
  end
  local run, err = box:exec(exec)
  for _, finish in ipairs(ends) do
    finish()
  end
  for _, redactor in ipairs(run and redactors or {}) do
    run.stdout, run.stderr = redactor:text(run.stdout), redactor:text(run.stderr)
  end
  return run, err
end

---@class enclave.RunOptions
---@field interpreter? string "python3", "sh", "bash", "node", …: needs code or file
---@field program? string another program in its place: "/usr/bin/python3.12"
---@field code? string
---@field file? string a script that is in the sandbox already
---@field args? string[] the program's arguments, after the code or file
---@field command? string for the shell: the same as interpreter = "sh", code = command
---@field argv? string[] a program and its arguments, no shell
---@field env? table<string, string>
---@field cwd? string absolute, or below the work folder; default: the work folder
---@field user? string
---@field stdin? string
---@field stdin_open? boolean for a stream: more follows, by stream:write
---@field timeout? number seconds; default: the sandbox's
---@field max_output_size? integer|string a stream
---@field limits? table { cpu_seconds, memory, file_size, open_files, processes, stack }; processes
--- counts all of that user's on the host, unless isolation is "namespaces": see pids_limit
---@field on_stdout? fun(bytes: string) output as it comes; result.stdout is empty then
---@field on_stderr? fun(bytes: string)
---@field keep_output? boolean the result holds it all the same

---Runs a program to its end; exactly one of interpreter, command and argv says which. A
---program that fails is a result all the same. Waits.
---@param spec enclave.RunOptions
---@return enclave.RunResult|nil
---@return enclave.Error? err
function core.Sandbox:run(spec)
  local exec, err, release = prepare("sandbox.run", self, spec)
  if not exec then
    return nil, err
  end
  local _ <close> = setmetatable({}, { __close = release })
  local active = contexts[self].redactors
  if active and next(active) then
    return run_redacted(self, exec, active)
  end
  return self:exec(exec)
end

---@return string # the absolute path of its work folder
function core.Sandbox:work_folder()
  return work_folder_of(self)
end

---Starts a program whose output is read as it comes:
---
---    for name, bytes in assert(sandbox:stream{ command = "make" }) do io.write(bytes) end
---
---Leaving the loop early ends the program. Takes what `run` takes, and stdin_open, but for
---on_stdout and on_stderr.
---@param spec enclave.RunOptions
---@return enclave.Stream|nil # nil, err when it cannot be started; else also what `for` needs
---@return any
function core.Sandbox:stream(spec)
  local exec, err, release = prepare("sandbox.stream", self, spec)
  if not exec then
    return nil, err
  end
  if exec.on_stdout or exec.on_stderr then
    release()
    errors.throw("sandbox.stream", "on_stdout and on_stderr belong to run; a stream is read")
  end
  local run
  run, err = self:start(exec)
  if not run then
    release()
    return nil, err
  end
  local reader = stream.new(run, release, contexts[self].redactors)
  return reader, nil, nil, reader
end

---Runs a tool in this sandbox. On a sandbox of enclave.sandbox, and for tools that call other
---tools. Waits.
---@param tool string
---@param parameters? table
---@param options? enclave.Listeners
---@return enclave.Result|nil
---@return enclave.Error? err
function core.Sandbox:execute_tool(tool, parameters, options)
  errors.check_options("execute_tool", options, { on_progress = "function",
    on_stdout = "function", on_stderr = "function" })
  local context = contexts[self]
  if not (context and context.execute) then
    return nil, errors.new("invalid", "this sandbox was made without tools", "execute_tool")
  end
  return context.execute(self, tool, parameters, options)
end

return sandbox
