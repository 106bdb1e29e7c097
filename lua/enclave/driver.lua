-- Sandbox types as their users name them, and the drivers of the C core that make them.
local errors = require "enclave.errors"
local suggest = require "enclave.suggest"

local driver = {}

local drivers = { docker = "docker", fake = "fake" }
local offered = { "docker" } -- "fake" is in memory and for tests

---@param sandbox_type string|nil default "docker"
---@param given { docker_host?: string, driver_options?: table }
---@param op string
---@return string|nil name
---@return table|enclave.Error|nil options of the driver, or err
function driver.find(sandbox_type, given, op)
  sandbox_type = sandbox_type or "docker"
  local name = drivers[sandbox_type]
  if not name then
    return nil, errors.new("invalid", ("sandbox_type: there is no type %s; expected %s%s"):format(
      errors.show(sandbox_type), '"docker"', suggest.nearest(sandbox_type, offered)
      and '; did you mean "docker"?' or ""), op)
  end
  if name == "docker" then
    return name, given.docker_host and { host = given.docker_host }
  end
  return name, given.driver_options
end

return driver
