-- What clients over HTTP may ask for, within what the operator allows. What could harm the
-- host is refused; numbers above a cap are lowered to it, with a line in the log.
local core = require "enclave.core"
local errors = require "enclave.errors"
local json = require "enclave.json"

---@class enclave.HttpPolicy
---@field allowed_images? string[] nil: any; "name:*" allows every tag
---@field allow_volumes? boolean
---@field allow_ports? boolean
---@field allow_privileged? boolean also cap_add, security_opt, runtime and networks but bridge
---@field max_memory? integer|string what is above one of these four is lowered to it
---@field max_cpu? number
---@field max_timeout? number seconds
---@field max_output? integer|string of each stream of a program; default "16m"
---@field max_sandboxes? integer of create_sandbox and of all pools; default 64
---@field sandbox_types? string[] default { "docker", "docker_notebook" }

local policy = {}

-- Sent by clients of other systems; they mean nothing here.
local ignored = { pull_progress = true, pull_progress_interval = true,
  docker_executor_workers = true, host = true, port = true, token = true,
  remove_on_exit = true } -- containers that nobody here can remove
-- Some clients send these numbers as text.
local numeric = { timeout = true, cpu_limit = true, pids_limit = true, max_timeout = true }
-- What holds when nothing was asked for.
local defaults = { memory_limit = "512m", cpu_limit = 1, timeout = 30, max_output_size = "1m" }
local units = { [""] = 1, b = 1, k = 1 << 10, m = 1 << 20, g = 1 << 30, t = 1 << 40,
  p = 1 << 50 }
local most_output = "16m"

---@param size integer|string "512m"
---@return number|nil
local function bytes_of(size)
  local number, unit = tostring(size):lower():match("^%s*([%d.]+)%s*([bkmgtp]?)i?b?%s*$")
  number = tonumber(number)
  return number and number * 1.0 * units[unit]
end

policy.bytes = bytes_of

local function refuse(message, ...)
  return nil, errors.new("invalid", message:format(...), "policy")
end

local function empty(value)
  return value == nil or value == false or type(value) == "table" and next(value) == nil
end

local function image_allowed(rules, image)
  for _, allowed in ipairs(rules.allowed_images) do
    local stem = allowed:match("^(.*):%*$")
    local tag = stem and image:sub(1, #stem + 1) == stem .. ":" and image:sub(#stem + 2)
    -- With a slash it is no tag: the name is a registry's, and this its port.
    if image == allowed or image == stem or tag and not tag:find("/", 1, true) then
      return true
    end
  end
end

local host_fields = { "privileged", "cap_add", "security_opt", "runtime" }

-- Others lead to the host, or to what else runs there.
local common_networks = { [""] = true, none = true, default = true, bridge = true }

local function refusal(rules, config)
  local image = config.image or "python:3.11-slim"
  local network = config.network
  if rules.allowed_images and not image_allowed(rules, tostring(image)) then
    return refuse("image: %s is not allowed here; allowed: %s", errors.show(image),
      table.concat(rules.allowed_images, ", "))
  elseif not empty(config.volumes) and not rules.allow_volumes then
    return refuse("volumes: not allowed over HTTP here")
  elseif not empty(config.ports) and not rules.allow_ports then
    return refuse("ports: not allowed over HTTP here")
  elseif rules.allow_privileged then
    return true
  elseif type(network) == "string" and not common_networks[network] then
    return refuse("network: %s is not allowed over HTTP here", errors.show(network))
  end
  for _, name in ipairs(host_fields) do
    if not empty(config[name]) then
      return refuse("%s: not allowed over HTTP here", name)
    end
  end
  return true
end

-- A value above the cap is lowered to it, and so is the default; what is no size or number is
-- left for the driver to refuse.
local function lower(config, name, cap, read)
  local value = config[name] == nil and defaults[name] or config[name]
  local number = value ~= nil and read(value)
  if cap and number and number > read(cap) then
    core.log("info", ("%s: %s lowered to %s"):format(name, tostring(value), tostring(cap)))
    config[name] = cap
  end
end

-- The same of a number of bytes that a tool keeps, where it is given.
local function lower_output(rules, options, name)
  if options[name] ~= nil then
    lower(options, name, math.floor(bytes_of(rules.max_output or most_output)), bytes_of)
  end
end

---The config to use for what a client asked for.
---@param rules enclave.HttpPolicy
---@param given table
---@param sandbox_type? string
---@return table|nil config
---@return enclave.Error? err
function policy.config(rules, given, sandbox_type)
  local config, unused = {}, {}
  for name, value in pairs(given) do
    if ignored[name] then
      unused[#unused + 1] = name
    elseif numeric[name] and type(value) == "string" then
      config[name] = tonumber(value) or value
    elseif value ~= json.null then
      config[name] = value
    end
  end
  if #unused > 0 then
    table.sort(unused)
    core.log("info", "ignored, without meaning here: " .. table.concat(unused, ", "))
  end
  if empty(config.tools_config) then -- what other systems' clients send when nothing was chosen
    config.tools_config = nil
  end
  local fine, err = refusal(rules, config)
  if not fine then
    return nil, err
  end
  lower(config, "memory_limit", rules.max_memory, bytes_of)
  lower(config, "cpu_limit", rules.max_cpu, tonumber)
  lower(config, "timeout", rules.max_timeout, tonumber)
  lower(config, "max_timeout", rules.max_timeout, tonumber)
  lower(config, "max_output_size", rules.max_output or most_output, bytes_of)
  for _, options in pairs(type(config.tools_config) == "table" and config.tools_config or {}) do
    if type(options) == "table" then
      lower_output(rules, options, "max_output_size")
      if type(options.timeout) == "number" then
        lower(options, "timeout", rules.max_timeout, tonumber)
      end
    end
  end
  -- The kernel of a notebook is a run, too, and lives longer than any cell.
  if rules.max_timeout and config.max_timeout == nil and sandbox_type ~= "docker_notebook" then
    config.max_timeout = math.max(rules.max_timeout, tonumber(config.timeout) or 0)
  end
  return config
end

---@param rules enclave.HttpPolicy
---@param sandbox_type string|nil
---@return string|nil
---@return enclave.Error? err
function policy.sandbox_type(rules, sandbox_type)
  sandbox_type = sandbox_type or "docker"
  local types = rules.sandbox_types or { "docker", "docker_notebook" }
  for _, allowed in ipairs(types) do
    if allowed == sandbox_type then
      return sandbox_type
    end
  end
  return refuse("sandbox_type: %s is not offered here; expected %s", errors.show(sandbox_type),
    table.concat(types, ", "))
end

---What a pool may grow to.
---@param options enclave.PoolOptions
---@return integer
function policy.most_of(options)
  return math.max(options.pool_size, options.max_size or 1)
end

---Why something could not be made, as clients of other systems expect it: HTTP 400 whatever it is.
---@param err enclave.Error
---@return enclave.Error|table
function policy.bad_request(err)
  return err.code == "cancelled" and err or { status = 400, code = err.code, op = err.op,
    message = err.message }
end

---Whether there is room for so many more sandboxes. Those that are being made count, and of a
---pool all that it may grow to, which is one if it begins with none; nothing waits in between,
---so it holds for callers at once.
---@param server enclave.Server
---@param more integer
---@return true|nil
---@return enclave.Error? err
function policy.room(server, more)
  local most, count = server.policy.max_sandboxes or 64, server.creating
  for _, entry in pairs(server.manager.sandboxes) do
    local gone = entry.stopped_at or entry.sandbox:status() == "error"
    count = count + (gone and 0 or 1)
  end
  for _, entry in pairs(server.manager.pools) do
    count = count + policy.most_of(entry.options)
  end
  if count + more > most then
    return nil, errors.new("invalid", ("this server allows %d sandboxes; there are %d, and %d more"
      .. " were asked for"):format(most, count, more), "policy")
  end
  return true
end

local timeouts = { "timeout", "run_timeout", "compile_timeout" }

---Parameters of a tool call; a timeout or a limit of output above the cap is lowered.
---@param rules enclave.HttpPolicy
---@param parameters table
---@return table
function policy.parameters(rules, parameters)
  for _, name in ipairs(timeouts) do
    if type(parameters[name]) == "number" then
      lower(parameters, name, rules.max_timeout, tonumber)
    end
  end
  lower_output(rules, parameters, "output_limit")
  return parameters
end

return policy
