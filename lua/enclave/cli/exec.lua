-- enclave-lua exec: one program in a sandbox of its own; what it writes and its exit code are
-- this command's.
local config = require "enclave.cli.config"
local console = require "enclave.cli.console"
local core = require "enclave.core"
local json = require "enclave.json"
local oneshot = require "enclave.oneshot"
local registry = require "enclave.registry"
local signals = require "enclave.signals"

local exec = {
  name = "exec",
  summary = "Run one program in a sandbox of its own",
  description = "Runs one program in a sandbox of its own. Its output and its exit code are"
    .. " passed through: 124 is its time limit, 125 a failure of Enclave.",
  arguments = { { "code", "The program; - reads it from standard input." } },
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

---Writes what the program wrote. A plain exit code needs no words: it is passed on.
---@param result enclave.Result
function exec.show(result)
  local facts = result.metadata or {}
  io.stdout:write(result.output)
  local only_code = facts.stderr_total == 0 and facts.exit_code and not facts.limit
    and result.status == "error"
  if result.error and not only_code then
    io.stderr:write(result.error, result.error:sub(-1) == "\n" and "" or "\n")
  end
  if facts.truncated then
    io.stderr:write("enclave-lua exec: the output was longer than what is shown\n")
  end
end

local function read_all(path)
  if path == "-" then
    return io.read("a")
  end
  local file, problem = io.open(path, "rb")
  if not file then
    error(problem, 0)
  end
  local text = file:read("a")
  file:close()
  return text or error(path .. ": cannot be read", 0)
end

local function run(args)
  if args.code == "-" and args.stdin == "-" then
    error("the program and its input cannot both come from standard input", 0)
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
  return assert(sandbox:execute_tool(args.tool, parameters))
end

function exec.run(args)
  local result = run(args)
  if args.json then
    io.stdout:write(json.encode(result), "\n")
  else
    exec.show(result)
  end
  return exec.exit_code(result)
end

return exec
