-- The flags that say what a sandbox is like, shared by exec and pool.
local errors = require "enclave.errors"
local front = require "enclave.cli.front"
local json = require "enclave.json"

local config = {}

---@type enclave.CommandOption[]
config.options = {
  { "--image", "NAME", "Image of the sandbox (default $ENCLAVE_IMAGE, then"
    .. " python:3.11-slim)." },
  { "--tool", "NAME", "Tool that runs the code.", default = "python_executor" },
  { "--tools", "PATH", "File or folder with more tools.", many = true },
  { "--param", "NAME=VALUE", "One more parameter of the tool; VALUE is JSON, or else text.",
    many = true },
  { "--timeout", "SECONDS", "How long the program may run.", convert = front.number },
  { "--memory", "SIZE", "Most memory, such as 512m." },
  { "--cpu", "COUNT", "Most CPUs, such as 0.5.", convert = front.number },
  { "--env", "NAME=VALUE", "Environment variable.", many = true },
  { "--network", nil, "Let it reach the network." },
  { "--docker-host", "URL", "Docker Engine (default $DOCKER_HOST)." },
  { "--sandbox-type", "TYPE", "Kind of sandbox: docker, docker_notebook.", default = "docker" },
  { "--log-level", "LEVEL", "How much to tell on standard error.", default = "warn",
    choices = { "debug", "info", "warn", "error", "off" } },
}

local function pairs_of(list, option)
  local map = {}
  for _, text in ipairs(list) do
    local name, value = text:match("^([^=]+)=(.*)$")
    if not name then
      errors.throw(option, ("%s %s: expected NAME=VALUE"):format(option, text))
    end
    map[name] = value
  end
  return map
end

---@param args table
---@return table # sandbox config
function config.sandbox(args)
  local env = pairs_of(args.env, "--env")
  return {
    image = args.image or front.variable("ENCLAVE_IMAGE"),
    memory_limit = args.memory,
    cpu_limit = args.cpu,
    network_enabled = args.network,
    env_vars = next(env) and env or nil,
    timeout = args.timeout,
  }
end

---The parameter of a tool that code goes to: "code" or "command", else the one that it needs.
---@param tool enclave.Tool
---@return string
local function code_parameter(tool)
  local schema = tool.parameters
  for _, name in ipairs({ "code", "command" }) do
    if (schema.properties or {})[name] then
      return name
    end
  end
  local required = schema.required or {}
  if #required ~= 1 then
    errors.throw("--param", ("the tool %s has no parameter for code; give all by --param"):format(
      tool.name))
  end
  return required[1]
end

---Gives a function that makes the parameters of a call out of code (nil: there is none).
---@param args table
---@param tool enclave.Tool
---@return fun(code: string|nil): table
function config.parameters(args, tool)
  local given = {}
  for name, value in pairs(pairs_of(args.param, "--param")) do
    local decoded, problem = json.decode(value)
    given[name] = problem == nil and decoded or value
  end
  return function(code)
    local parameters = {}
    for name, value in pairs(given) do
      parameters[name] = value
    end
    if code then
      parameters[code_parameter(tool)] = code
    end
    return parameters
  end
end

return config
