-- Which tools a pool or a sandbox offers: tools_config, a list or a map, checked; without it
-- every tool that fits the sandbox type.
local errors = require "enclave.errors"
local json = require "enclave.json"
local schemas = require "enclave.schemas"
local suggest = require "enclave.suggest"

---@class enclave.Toolset
---@field registry enclave.Registry
---@field sandbox_type string
---@field configs? table<string, table> nil: every tool that fits
local Toolset = {}
Toolset.__index = Toolset

local toolset = {}

-- Seconds that a notebook's kernel, which is one run, may live.
local kernel_lifetime = 7 * 24 * 3600

-- Every tool knows `enabled`: false leaves it out.
local function without_enabled(name, config, op)
  errors.check(op, ("config.tools_config.%s.enabled"):format(name), config.enabled, "boolean")
  local rest = {}
  for key, value in pairs(config) do
    if key ~= "enabled" then
      rest[key] = value
    end
  end
  return config.enabled and rest
end

-- A list of names or a map of configurations, as a map.
local function normalise(given, op)
  local configs = {}
  for key, value in pairs(given) do
    if type(value) == "table" and value.enabled ~= nil then
      value = without_enabled(key, value, op)
    end
    if value == false then
      goto continue
    elseif type(key) == "number" and type(value) == "string" then
      configs[value] = {}
    elseif type(key) == "string" and (type(value) == "table" or value == true
      or value == json.null) then
      configs[key] = type(value) == "table" and value or {}
    elseif type(key) == "string" then
      errors.throw(op, ("config.tools_config.%s: expected a table, got %s"):format(key,
        errors.show(value)))
    else
      errors.throw(op, ("config.tools_config: expected names of tools, got %s"):format(
        errors.show(value)))
    end
    ::continue::
  end
  return configs
end

local function fits(tool, sandbox_type)
  -- The in-memory driver stands in for any other.
  return not tool.sandbox_types or tool.sandbox_types[sandbox_type] or sandbox_type == "fake"
end

-- The tool's entry in tools_config with its defaults; the tool's file may have changed since.
local function config_of(self, tool, given)
  local config = self.checked[tool]
  if not config then
    local problem
    config, problem = tool.validate_config(given or {})
    if not config then
      return nil, errors.new("invalid", ("config.tools_config.%s%s"):format(tool.name,
        (problem:gsub("^config", ""))), "tool")
    end
    self.checked[tool] = config
  end
  return config
end

---@param registry enclave.Registry
---@param sandbox_type string
---@param tools_config table|nil
---@param op string
---@return enclave.Toolset|nil
---@return enclave.Error? err
function toolset.new(registry, sandbox_type, tools_config, op)
  errors.check(op, "config.tools_config", tools_config, "table|nil")
  local self = setmetatable({ registry = registry, sandbox_type = sandbox_type,
    checked = setmetatable({}, { __mode = "k" }) }, Toolset)
  if tools_config == nil then
    return self
  end
  self.configs = normalise(tools_config, op)
  for _, name in ipairs(suggest.names(self.configs)) do
    local tool, err = registry:tool(name)
    if not tool then
      return nil, errors.new("invalid", "config.tools_config: " .. err.message, op)
    elseif not fits(tool, sandbox_type) then
      return nil, errors.new("invalid", ("config.tools_config.%s: does not run in sandboxes of"
        .. " type %s; expected %s"):format(name, errors.show(sandbox_type),
        table.concat(suggest.names(tool.sandbox_types), ", ")), op)
    end
    local config, problem = config_of(self, tool, self.configs[name])
    if not config then
      return nil, errors.new("invalid", problem.message, op)
    end
  end
  return self
end

---@return enclave.Tool[] # by name
function Toolset:list()
  local list = {}
  for _, tool in ipairs(self.registry:tools()) do
    if self.configs and self.configs[tool.name] or not self.configs
      and fits(tool, self.sandbox_type) then
      list[#list + 1] = tool
    end
  end
  return list
end

---@param name string
---@param unlisted? boolean also one that is not offered
---@return enclave.Tool|nil
---@return table|enclave.Error config of the tool, or err
function Toolset:find(name, unlisted)
  local tool, err = self.registry:tool(name)
  if not tool then
    return nil, err
  end
  local given = self.configs and self.configs[name]
  local offered = unlisted or not self.configs or given
  if not offered or not fits(tool, self.sandbox_type) then
    local names = {}
    for i, other in ipairs(self:list()) do
      names[i] = other.name
    end
    return nil, errors.new("not_found", ("the tool %s is not offered here; offered: %s"):format(
      name, #names > 0 and table.concat(names, ", ") or "none"), "tool")
  end
  local config
  config, err = config_of(self, tool, given)
  return config and tool, config or err
end

---@return string[] # interpreters that the tools want kept warm
function Toolset:warm()
  local list, seen = {}, {}
  for _, tool in ipairs(self:list()) do
    for _, name in ipairs(tool.warm) do
      if not seen[name] then
        seen[name] = true
        list[#list + 1] = name
      end
    end
  end
  return list
end

---@return table<string, table> # name -> tool in OpenAI's form
function Toolset:schemas()
  local map = {}
  for _, tool in ipairs(self:list()) do
    map[tool.name] = schemas.formats.openai(tool)
  end
  return map
end

---The config for the C core: without what is policy, with what the tools want warm.
---@param config table|nil
---@param reuse? string when the config does not say; a sandbox of one's own keeps what runs in it
---@return table
function Toolset:core_config(config, reuse)
  local copy = {}
  for name, value in pairs(config or {}) do
    if name ~= "tools_config" then
      copy[name] = value
    end
  end
  if self.sandbox_type == "docker_notebook" and copy.max_timeout == nil then
    copy.max_timeout = kernel_lifetime
  end
  copy.reuse = copy.reuse or reuse
  if copy.warm == nil then
    copy.warm = self:warm()
  end
  return copy
end

return toolset
