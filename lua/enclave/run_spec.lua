-- What a caller of sandbox:run asks for, as the C core wants it: interpreter and code, or a
-- command for the shell, or a plain argument list.
local errors = require "enclave.errors"
local interpreters = require "enclave.interpreters"
local suggest = require "enclave.suggest"

local run_spec = {}

-- One argument of a program may have 128 KiB; longer code goes to a file.
local longest_argument = 100 * 1024

local known = {
  interpreter = "string", program = "string", code = "string", file = "string", args = "table",
  command = "string", argv = "table",
  env = "table", cwd = "string", user = "string", stdin = "string", stdin_open = "boolean",
  timeout = "number", max_output_size = "number|string", limits = "table",
  on_stdout = "function", on_stderr = "function",
  keep_output = "boolean",
}
local passed = { "env", "cwd", "user", "stdin", "stdin_open", "timeout", "max_output_size",
  "limits", "on_stdout", "on_stderr", "keep_output" }

local function check_strings(op, name, list)
  for i, argument in ipairs(list or {}) do
    if type(argument) ~= "string" then
      errors.throw(op, ("%s[%d]: expected a string, got %s"):format(name, i,
        errors.show(argument)))
    end
  end
end

local function check_environment(op, env)
  for name, value in pairs(env or {}) do
    if type(name) ~= "string" or type(value) ~= "string" then
      errors.throw(op, ("env.%s: expected a string, got %s"):format(tostring(name),
        errors.show(value)))
    end
  end
end

local function invalid(op, message, ...)
  return nil, errors.new("invalid", message:format(...), op)
end

-- What no program can be given: zero bytes, and names of variables with "=". nil, or why.
local function unusable(spec)
  for _, name in ipairs({ "args", "argv" }) do
    for i, argument in ipairs(spec[name] or {}) do
      if argument:find("\0", 1, true) then
        return ("%s[%d]: cannot have zero bytes"):format(name, i)
      end
    end
  end
  for name, value in pairs(spec.env or {}) do
    if name == "" or name:find("[=\0]") then
      return ("env: %s cannot be the name of a variable"):format(errors.show(name))
    elseif value:find("\0", 1, true) then
      return ("env.%s: cannot have zero bytes"):format(name)
    end
  end
end

-- Code of an interpreter. names: gives a free file name in the work folder.
local function from_code(op, spec, exec, work_folder, names)
  local found = interpreters[spec.interpreter]
  if not found then
    return invalid(op, "interpreter: unknown, got %s%s", errors.show(spec.interpreter),
      suggest.hint(spec.interpreter, suggest.names(interpreters)))
  elseif not (spec.code or spec.file) or spec.code and spec.file then
    return invalid(op, "expected one of code and file with interpreter")
  end
  local program = spec.program or found.program
  exec.warm = program == found.program and found.warm or nil
  if spec.file then
    exec.argv = { program, spec.file }
  elseif found.inline and #spec.code <= longest_argument then
    if spec.code:find("\0", 1, true) then
      return invalid(op, "code: a script for %s cannot have zero bytes", found.program)
    end
    -- $0 is the program's name in either case; without arguments a shell that waits fits.
    exec.argv = { program, "-c", spec.code, spec.args and spec.args[1] and program }
  else
    exec.code, exec.code_path = spec.code, names(found.file)
    exec.argv = { program, work_folder() .. "/" .. exec.code_path }
  end
  table.move(spec.args or {}, 1, #(spec.args or {}), #exec.argv + 1, exec.argv)
  return exec
end

---@param op string for messages
---@param spec table see Sandbox:run
---@param work_folder fun(): string
---@param names fun(file: string): string
---@return enclave.core.Exec|nil
---@return enclave.Error? err
function run_spec.exec(op, spec, work_folder, names)
  errors.check(op, "spec", spec, "table")
  errors.check_options(op, spec, known)
  check_strings(op, "args", spec.args)
  check_strings(op, "argv", spec.argv)
  check_environment(op, spec.env)
  local problem = unusable(spec)
  if problem then
    return invalid(op, "%s", problem)
  end
  local ways = (spec.interpreter and 1 or 0) + (spec.command and 1 or 0) + (spec.argv and 1 or 0)
  if ways ~= 1 then
    return invalid(op, "expected one of interpreter, command and argv, got %s",
      ways == 0 and "none" or "several")
  end
  local exec = {}
  for _, name in ipairs(passed) do
    exec[name] = spec[name]
  end
  if spec.cwd and spec.cwd:sub(1, 1) ~= "/" then
    exec.cwd = work_folder() .. "/" .. spec.cwd
  end
  if spec.interpreter then
    return from_code(op, spec, exec, work_folder, names)
  elseif spec.code or spec.file or spec.program then
    return invalid(op, "code, file and program need an interpreter")
  elseif spec.command then
    return from_code(op, { interpreter = "sh", code = spec.command, args = spec.args }, exec,
      work_folder, names)
  elseif #spec.argv == 0 then
    return invalid(op, "argv: expected a program and its arguments, got an empty list")
  elseif spec.args then
    return invalid(op, "args: belong into argv")
  end
  exec.argv = table.move(spec.argv, 1, #spec.argv, 1, {})
  return exec
end

return run_spec
