-- Runs the hooks of one event, in order, up to the first that fails. Each may execute so many
-- instructions and no more.
local core = require "enclave.core"
local definitions = require "enclave.plugins.definitions"
local errors = require "enclave.errors"

local hooks = {}

---A hook fails by throwing or by returning nil or false and an error; anything else is well.
---@param list enclave.Hook[]
---@param event string
---@param sandbox enclave.Sandbox
---@param context table { pool?, sandbox_type, reuse?, tool_name?, reason? }
---@return true|nil
---@return enclave.Error? err names the hook; lost, closed and cancelled keep their code
function hooks.run(list, event, sandbox, context)
  for i = 1, #list do
    local hook = list[i]
    local ok, value, failure = core.bounded(definitions.budget, hook[event], sandbox,
      context)
    if not ok then
      failure, value = value, nil
    end
    if not value and failure ~= nil then
      local code, text = errors.describe(failure)
      return nil, errors.new(code or "internal", ("hook %s failed: %s"):format(hook.name, text),
        event)
    end
  end
  return true
end

---The same where nobody can be told: problems go to the log and the next hook runs.
---@param list enclave.Hook[]
---@param event string
---@param sandbox enclave.Sandbox
---@param context table
---@param log fun(level: string, line: string)
function hooks.run_all(list, event, sandbox, context, log)
  for i = 1, #list do
    local ok, err = hooks.run({ list[i] }, event, sandbox, context)
    if not ok then
      log("warn", tostring(err))
    end
  end
end

return hooks
