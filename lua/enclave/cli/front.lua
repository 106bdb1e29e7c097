-- The command line, taken apart by argparse from what each command declares.
local argparse = require "argparse"
local cli = require "enclave.cli"
local errors = require "enclave.errors"

local front = {}

local width = { help_description_margin = 28, help_max_width = 92, usage_max_width = 92 }

---The options of the interpreter itself, which C reads; here for help and completion.
---@type enclave.CommandOption[]
front.interpreter = {
  { "-e", "CODE", "Run this Lua code." },
  { "-l", "MODULE", "Require a module; -l g=MODULE into the global g." },
  { "-i", nil, "Be interactive after the script." },
  { "-v", nil, "Tell the version." },
  { "-E", nil, "Ignore environment variables." },
  { "-W", nil, "Turn warnings on." },
  { "--version", nil, "Tell the version and what is inside." },
}

---@type string[][]
front.examples = {
  { "enclave-lua script.lua", "a Lua script with Enclave built in" },
  { "enclave-lua exec 'print(6 * 7)'", "one Python program in a sandbox of its own" },
  { "enclave-lua doctor", "what this machine lacks, and how to mend it" },
  { "enclave-lua serve --port 8000", "sandboxes over HTTP" },
}

---@type string[][]
front.variables = {
  { "DOCKER_HOST, DOCKER_TLS_VERIFY, DOCKER_CERT_PATH", "The Docker Engine, as for docker(1)." },
  { "DOCKER_CONFIG", "The folder with what docker login keeps, for pulls; else ~/.docker." },
  { "ENCLAVE_IMAGE", "Image of exec, pool and doctor when --image is not given." },
  { "ENCLAVE_PATH", "Folders, separated by colons, each with tools/, hooks/,"
    .. " languages/ or routes/ in it." },
  { "ENCLAVE_API_KEY", "The key of serve, top, and clients in Lua." },
  { "ENCLAVE_LUA_PATH", "The folder with the Lua files of Enclave, instead of the installed"
    .. " one." },
  { "RUNTIME_DIRECTORY", "Where sockets to sandboxes are made, as systemd sets it; else /run or"
    .. " /tmp." },
  { "LUA_INIT, LUA_PATH, LUA_CPATH", "As for lua(1)." },
}

front.script_rule = "Anything else as the first argument is a Lua script. One that is named like"
  .. " a command is run by its path: enclave-lua ./exec"

local function examples_text(examples)
  local lines = { "Examples:" }
  for _, example in ipairs(examples) do
    lines[#lines + 1] = "   " .. example[1]
    lines[#lines + 1] = "      " .. example[2]
  end
  return table.concat(lines, "\n")
end

local function codes_text()
  local lines = { "Exit codes:" }
  for _, code in ipairs(cli.codes) do
    lines[#lines + 1] = ("   %-9s %s"):format(code[1], code[2])
  end
  return table.concat(lines, "\n")
end

---What an option is, with what it can be.
---@param declared enclave.CommandOption
---@return string
function front.describe(declared)
  return declared[3] .. (declared.choices and (" One of %s."):format(
    table.concat(declared.choices, ", ")) or "")
end

local function add_options(parser, options)
  for _, declared in ipairs(options) do
    local option = declared[2] and parser:option(declared[1]):argname(declared[2])
      or parser:flag(declared[1])
    option:description(front.describe(declared))
    if declared.default ~= nil then
      option:default(declared.default)
    end
    if declared.convert then
      option:convert(declared.convert)
    end
    if declared.choices then
      option:choices(declared.choices)
    end
    if declared.many then
      option:count("*")
    end
  end
end

---A parser of the whole command line.
---@param interpreter boolean whether it knows the options of the interpreter
---@return table # of argparse
function front.parser(interpreter)
  local root = argparse("enclave-lua", "Runs code in warm, isolated sandboxes; a Lua 5.4"
    .. " interpreter with Enclave built in.",
    front.script_rule .. "\n\n" .. examples_text(front.examples) .. "\n\n" .. codes_text())
  root(width)
  root:command_target("command")
  root:usage("Usage: enclave-lua [options] [script [arguments]]\n"
    .. "       enclave-lua <command> [options]; enclave-lua <command> --help tells more")
  if interpreter then
    add_options(root, front.interpreter)
  end
  for _, name in ipairs(cli.names) do
    local command = cli.command(name)
    local parser = root:command(name, command.description or command.summary,
      examples_text(command.examples))
    parser(width):summary(command.summary)
    for _, argument in ipairs(command.arguments or {}) do
      parser:argument(argument[1], argument[2]):args(argument.optional and "?" or 1)
    end
    add_options(parser, command.options)
  end
  return root
end

---A variable of the environment; an empty one is none.
---@param name string
---@return string|nil
function front.variable(name)
  local value = os.getenv(name)
  return value ~= "" and value or nil
end

---A number of seconds, or of other things: 0 or more.
---@param text string
---@return number|nil
---@return string? problem
function front.number(text)
  local value = text:find("^%d[%d.eE+-]*$") and tonumber(text)
  if not value or value >= math.huge then
    return nil, ("expected a number, 0 or more, got '%s'"):format(text)
  end
  return math.tointeger(value) or value
end

---@param text string
---@return integer|nil
---@return string? problem
function front.count(text)
  local value = text:find("^%d+$") and math.tointeger(tonumber(text))
  if not value then
    return nil, ("expected a whole number, 0 or more, got '%s'"):format(text)
  end
  return value
end

---@param path string
---@return string|nil
---@return string? problem without the path
function front.read_file(path)
  local file <close>, problem = io.open(path, "rb")
  local text
  if file then
    text, problem = file:read("a")
  end
  return text, problem and problem:gsub("^" .. path:gsub("%p", "%%%0") .. ": ", "") or nil
end

---The message of whatever a command threw or failed with.
---@param problem any
---@return string
function front.message(problem)
  return errors.is(problem) and problem.message or tostring(problem)
end

local function say(command, text)
  io.stderr:write("enclave-lua ", command, ": ", text, "\n")
end

---@param words string[]
---@return integer exit code
function front.main(words)
  if words[1] == "help" then
    words = words[2] and { words[2], "--help" } or { "--help" }
  end
  local name = words[1]
  local command = name:find("^%l") and cli.is_command(name) and cli.command(name)
  local fine, args = front.parser(not command):pparse(words)
  if not fine then
    say(name, args)
    say(name, ("'enclave-lua %s--help' shows what can be given"):format(
      command and name .. " " or ""))
    return command and command.usage_code or 2
  end
  local ok, result = xpcall(command.run, errors.traceback, args)
  local written, problem = io.stdout:flush()
  if ok and not written then
    ok, result = false, "standard output: " .. problem
  end
  if ok then
    return result or 0
  end
  if errors.is(result) and result.code == "cancelled" then
    error(result, 0) -- a signal: the interpreter says so
  end
  say(name, front.message(result))
  return command.failure_code or 1
end

return front
