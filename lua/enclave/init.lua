-- Enclave: runs code in warm, isolated sandboxes. `local enclave = require "enclave"`.
local core = require "enclave.core"
local errors = require "enclave.errors"

local enclave = {
  version = core.version,
  json = require "enclave.json",
  gather = require "enclave.gather",
  sandbox = require "enclave.oneshot",
}
require "enclave.sandbox"

---A manager of pools and sandboxes. With base_url it is one of a server, with the same methods.
---@param options? enclave.ManagerOptions|enclave.RemoteOptions
---@return enclave.Manager|enclave.RemoteManager|nil
---@return enclave.Error? err
function enclave.manager(options)
  errors.check("manager", "options", options, "table|nil")
  if options and options.base_url ~= nil then
    return require("enclave.remote").new(options)
  end
  return require("enclave.manager").new(options)
end

---Runs fn as a task and waits for its end. An error in it is thrown again.
---@param fn function
---@param ... any
---@return any ...
function enclave.run(fn, ...)
  return core.run(fn, ...)
end

---Starts fn as a task; it first runs when the caller waits next.
---@param fn function
---@param ... any
---@return enclave.Task
function enclave.spawn(fn, ...)
  return core.spawn(fn, ...)
end

---@param seconds number
---@return true|nil
---@return enclave.Error? err code "cancelled"
function enclave.sleep(seconds)
  return core.sleep(seconds)
end

---@return number seconds of a clock that never jumps
function enclave.now()
  return core.now()
end

---The tools that a sandbox of this type offers, as the API of a model wants them described.
---@param format "openai"|"anthropic"
---@param options? { tools?: string[], tools_config?: table, sandbox_type?: string }
---@return table[]|nil
---@return enclave.Error? err a file with a tool is not right, or there is no such tool
function enclave.schemas(format, options)
  local op = "schemas"
  errors.check(op, "format", format, "string")
  errors.check_options(op, options, { tools = "table", tools_config = "table",
    sandbox_type = "string" })
  options = options or {}
  local known, err = require("enclave.plugins.registry").new({ tools = options.tools,
    interval = math.huge })
  if not known then
    return nil, err
  end
  local tools
  tools, err = require("enclave.toolset").new(known, options.sandbox_type or "docker",
    options.tools_config, op)
  return tools and require("enclave.schemas").list(tools:list(), format, op), err
end

---Makes an error object, as tools and hooks return it.
---@param code string
---@param message string
---@param op? string
---@return enclave.Error
function enclave.error(code, message, op)
  return core.error(code, message, op)
end

return enclave
