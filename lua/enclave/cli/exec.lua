-- enclave-lua exec: one program in a sandbox of its own; what it writes and its exit code are
-- this command's.
local config = require "enclave.cli.config"
local console = require "enclave.cli.console"
local core = require "enclave.core"
local errors = require "enclave.errors"
local exact = require "enclave.exact"
local front = require "enclave.cli.front"
local json = require "enclave.json"
local oneshot = require "enclave.oneshot"
local registry = require "enclave.plugins.registry"
local signals = require "enclave.signals"

local exec = {
  name = "exec",
  summary = "Run one program in a sandbox of its own",
  description = "Runs one program in a sandbox of its own. Its output and its exit code are"
    .. " passed through: 124 is its time limit, 125 a failure of Enclave.",
  arguments = { { "code", "The program; - reads it from standard input. Left out, --param gives"
    .. " all that the tool takes.", optional = true } },
  options = {
    { "--stdin", "FILE", "What the program reads as its standard input; - is this one." },
    { "--json", nil, "Write the result as JSON instead." },
    table.unpack(config.options),
  },
  examples = {
    { "enclave-lua exec 'print(6 * 7)'", "a Python program" },
    { "enclave-lua exec --tool shell_executor 'id; ls /'", "a shell command" },
    { "enclave-lua exec --timeout 5 - < job.py", "a program from a file" },
    { "printf '1 2' | enclave-lua exec --stdin - 'print(input())'", "with input" },
  },
  usage_code = 125,
  failure_code = 125,
}

---The exit code that tells how a tool call ended.
---@param result enclave.Result
---@return integer
function exec.exit_code(result)
  local facts = result.metadata or {}
  if result.status == "timeout" then
    return 124
  elseif facts.signal then
    return 128 + (signals.number(facts.signal) or 0)
  elseif facts.exit_code then
    return facts.exit_code
  end
  return result.status == "success" and 0 or 1
end

-- Functions for output as it comes, and the streams that brought some.
local function listeners()
  local seen = {}
  local function to(name, file)
    return function(bytes)
      seen[name] = true
      local fine, problem = file:write(bytes)
      if fine then
        fine, problem = file:flush()
      end
      if not fine then
        errors.throw(name, ("standard %s: %s"):format(name == "stdout" and "output" or "error",
          problem))
      end
    end
  end
  return { on_stdout = to("stdout", io.stdout), on_stderr = to("stderr", io.stderr) }, seen
end

---Writes what the program wrote, but for what was seen before. A plain exit code needs no words:
---it is passed on.
---@param result enclave.Result
---@param seen? table<string, boolean>
function exec.show(result, seen)
  local facts, why = result.metadata or {}, result.error
  seen = seen or {}
  if not seen.stdout then
    console.write(result.output)
  end
  if result.status == "error" and facts.exit_code and not facts.limit
    and (seen.stderr or facts.stderr_total == 0) then
    why = nil
  elseif why and seen.stderr then
    why = why:match("^.*\n([^\n]+)\n?$") or why -- the reason stands below what it wrote
  end
  if why then
    io.stderr:write(why, why:sub(-1) == "\n" and "" or "\n")
  end
  if facts.truncated and not (seen.stdout or seen.stderr) then
    io.stderr:write("enclave-lua exec: the output was longer than what is shown\n")
  end
end

local function read_all(path)
  local text, problem
  if path == "-" then
    text, problem = io.read("a")
  else
    text, problem = front.read_file(path)
  end
  return text or errors.throw("read", ("%s: %s"):format(path == "-" and "standard input" or path,
    problem))
end

local function run(args)
  if not args.code and #args.param == 0 then
    errors.throw("code", "missing argument 'code', or --param with all that the tool takes")
  elseif args.code == "-" and args.stdin == "-" then
    errors.throw("--stdin", "the program and its input cannot both come from standard input")
  end
  core.configure({ log_level = args.log_level })
  local tool = assert(assert(registry.new({ tools = args.tools })):tool(args.tool))
  local parameters = config.parameters(args, tool)(args.code == "-" and read_all("-")
    or args.code)
  if args.stdin then
    parameters.stdin = read_all(args.stdin)
  end
  local wanted = config.sandbox(args)
  wanted.sandbox_type, wanted.docker_host = args.sandbox_type, args.docker_host
  wanted.tools, wanted.tools_config = args.tools, { args.tool }
  local sandbox <close> = assert(console.with_progress(function(report)
    wanted.progress = report
    return oneshot(wanted)
  end))
  if args.json then
    local result = assert(sandbox:execute_tool(args.tool, parameters))
    console.write(json.encode(exact.add(result)), "\n")
    return result
  end
  local options, seen = listeners()
  local result = assert(sandbox:execute_tool(args.tool, parameters, options))
  exec.show(result, seen)
  return result
end

function exec.run(args)
  local result = run(args)
  return exec.exit_code(result)
end

return exec
