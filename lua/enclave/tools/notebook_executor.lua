-- Runs cells of a notebook: names, imports and files stay from one call to the next, as long as the
-- sandbox lives. A sandbox of a pool is lent for one call, so there every call begins afresh.
local core = require "enclave.core"
local errors = require "enclave.errors"
local kernel = require "enclave.notebook.kernel"
local outputs = require "enclave.notebook.outputs"

local most_kernels = 8

---@type table<enclave.Sandbox, table<string, enclave.Kernel>>
local kernels = setmetatable({}, { __mode = "k" })
---@type table<enclave.Sandbox, table<string, enclave.Task>>
local starting = setmetatable({}, { __mode = "k" })

local function of(map, sandbox)
  map[sandbox] = map[sandbox] or {}
  return map[sandbox]
end

local config = { type = "object", additionalProperties = false, properties = {
  timeout = { type = "number", exclusiveMinimum = 0,
    description = "Seconds that a cell may run when the call does not say; default: the"
      .. " sandbox's" },
  max_output_size = { type = "integer", minimum = 1, default = 1048576,
    description = "Bytes of a cell's text that are kept" },
  python_path = { type = "string", minLength = 1, default = "python3",
    description = "The interpreter" },
  plain = { type = "boolean", default = false,
    description = "Do without IPython, also where the image has it" },
} }

-- Starts one; calls that come meanwhile wait for it.
local function start(sandbox, name, wanted)
  local all, tasks = of(kernels, sandbox), of(starting, sandbox)
  local facts, failed = sandbox:describe()
  if not facts then
    return nil, failed
  end
  local task <close> = core.spawn(function()
    local started, err = kernel.start(sandbox, { python_path = wanted.python_path,
      plain = wanted.plain, lifetime = facts.config.max_timeout, timeout = facts.config.timeout })
    all[name], tasks[name] = started, nil
    return started, err
  end)
  tasks[name] = task
  local joined, started, err = task:join()
  if not joined then
    return nil, started
  end
  return started, err
end

-- Waits while other calls start a kernel of this name.
local function wait_for_start(tasks, name)
  while tasks[name] do
    local task = tasks[name]
    local joined, err = task:join()
    if not joined and task:status() == "running" then
      return nil, err -- it is we who were cancelled
    elseif tasks[name] == task then -- it did not come to its end
      tasks[name] = nil
    end
  end
  return true
end

-- The kernel of this name, started when there is none; how it came.
local function kernel_of(sandbox, params, wanted)
  local all, tasks = of(kernels, sandbox), of(starting, sandbox)
  local fine, err = wait_for_start(tasks, params.kernel)
  if not fine then
    return nil, err
  end
  local found = all[params.kernel]
  if found and (params.restart or found.dead) then
    found:close()
    all[params.kernel] = nil
    found = nil
  end
  if found then
    return found
  end
  local count = 0
  for _ in pairs(tasks) do
    count = count + 1
  end
  for name, other in pairs(all) do
    count = count + 1
    if other.dead then
      all[name], count = nil, count - 1
    end
  end
  if count >= most_kernels then
    return nil, errors.new("exhausted", ("kernel: this sandbox has %d already"):format(count),
      "notebook")
  end
  return start(sandbox, params.kernel, wanted)
end

local function result_of(cell, found, fine, err, timeout)
  local output, problem = cell:texts()
  local status = cell.ok and "success" or "error"
  if cell.late then
    status = "timeout"
    problem = ("timed out after %g s%s"):format(timeout, problem and "\n" .. problem or "")
  end
  if not fine then
    problem = (problem and problem .. "\n" or "") .. (cell.late
      and "the cell did not react to the interrupt" or err.message)
      .. "; its kernel is gone, and the next call starts a new one"
  end
  return { status = status, output = output, error = problem, metadata = {
    outputs = cell:finish(), execution_count = cell.count, shell = found.shell,
    truncated = cell.truncated } }
end

return {
  name = "notebook_executor",
  version = "1.0.0",
  api = 1,
  description = "Run Python in a notebook that keeps its state from one call to the next",
  parameters = {
    type = "object",
    required = { "code" },
    additionalProperties = false,
    properties = {
      code = { type = "string", description = "The cell; \"\" does nothing but start or restart" },
      timeout = { type = "number", exclusiveMinimum = 0,
        description = "Seconds until the cell is interrupted, which keeps the state; default:"
          .. " that of tools_config" },
      kernel = { type = "string", minLength = 1, maxLength = 100, default = "default",
        description = "Which of several independent notebooks of the sandbox" },
      restart = { type = "boolean", default = false,
        description = "Forget the state first" },
    },
  },
  config = config,
  sandbox_types = { "docker_notebook" },
  warm = { "python3" },
  execute = function(sandbox, params, context)
    local found, err = kernel_of(sandbox, params, context.config)
    if not found then
      return nil, err
    end
    local _ <close> = context.pool and found or nil -- the next borrower has one of its own
    local cell = outputs.new(context.config.max_output_size,
      { stdout = context.on_stdout, stderr = context.on_stderr })
    local timeout = params.timeout or context.config.timeout or found.timeout
    local fine, problem = found:execute(params.code, timeout, cell)
    if not fine and (problem.code == "cancelled" or problem.code == "lost") then
      return nil, problem
    end
    return result_of(cell, found, fine, problem, timeout)
  end,
}
