-- A sandbox of one's own without a manager: enclave.sandbox{ image = … }.
local core = require "enclave.core"
local driver = require "enclave.driver"
local errors = require "enclave.errors"
local execute = require "enclave.execute"
local registry = require "enclave.plugins.registry"
local sandbox_methods = require "enclave.sandbox"
local toolset = require "enclave.toolset"

local own = { sandbox_type = "string", docker_host = "string", driver_options = "table",
  tools = "table", languages = "table", secrets = "table", progress = "function" }

local function checked_own(options, op)
  local mine, config = {}, {}
  for name, value in pairs(options) do
    if own[name] then
      errors.check(op, name, value, own[name])
      mine[name] = value
    else
      config[name] = value
    end
  end
  return mine, config
end

---A sandbox of one's own, removed when it is closed: all fields of a sandbox config, with
---tools_config, and sandbox_type, docker_host, tools (files or folders), languages (folders),
---secrets, progress. Hooks do not run for it. Waits until it is up.
---@param options? table
---@return enclave.Sandbox|nil
---@return enclave.Error? err
return function(options)
  local op = "sandbox"
  errors.check(op, "options", options, "table|nil")
  local mine, config = checked_own(options or {}, op)
  local sandbox_type = mine.sandbox_type or "docker"
  local name, driver_options = driver.find(sandbox_type, mine, op)
  if not name then
    return nil, driver_options
  end
  local known, err = registry.new({ tools = mine.tools, languages = mine.languages,
    secrets = mine.secrets })
  if not known then
    return nil, err
  end
  local tools, sandbox
  tools, err = toolset.new(known, sandbox_type, config.tools_config, op)
  if not tools then
    return nil, err
  end
  local function create(progress)
    return core.sandbox(name, driver_options, tools:core_config(config, "keep"), progress)
  end
  sandbox, err = create(mine.progress)
  if not sandbox then
    return nil, err
  end
  sandbox_methods.bind(sandbox, { execute = execute.alone(tools, create),
    keeps = not config.reuse or config.reuse == "keep" })
  return sandbox
end
