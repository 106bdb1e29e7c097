-- Sandbox types as their users name them, and the drivers of the C core that make them.
local errors = require "enclave.errors"
local suggest = require "enclave.suggest"

local driver = {}

local drivers = { docker = "docker", docker_notebook = "docker", fake = "fake" }
local offered = { "docker", "docker_notebook" } -- "fake" is in memory and for tests

---@param sandbox_type string|nil default "docker"
---@param given { docker_host?: string, driver_options?: table }
---@param op string
---@return string|nil name
---@return table|enclave.Error|nil options of the driver, or err
function driver.find(sandbox_type, given, op)
  sandbox_type = sandbox_type or "docker"
  local name = drivers[sandbox_type]
  if not name then
    local near = suggest.nearest(sandbox_type, offered)
    return nil, errors.new("invalid", ("sandbox_type: there is no type %s; expected \"%s\"%s")
      :format((errors.show(sandbox_type):gsub("^string ", "")), table.concat(offered, '" or "'),
      near and ('; did you mean "%s"?'):format(near) or ""), op)
  end
  if name == "docker" then
    return name, given.docker_host and { host = given.docker_host }
  end
  return name, given.driver_options
end

return driver
