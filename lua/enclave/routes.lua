-- The table of routes: loaded from files, each a group, and found by method and path. Of two
-- with one method and path the later holds.
local core = require "enclave.core"
local errors = require "enclave.errors"
local loader = require "enclave.loader"

local here = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*$") or "."

---@class enclave.Routes
local Routes = {}
Routes.__index = Routes

local routes = {}

local function split(path)
  local parts = {}
  for part in path:gmatch("/([^/]*)") do
    parts[#parts + 1] = part
  end
  return parts
end

local function add(self, group, path)
  if group.api ~= 1 or type(group.name) ~= "string" or type(group.routes) ~= "table" then
    return ("%s: expected { name = …, api = 1, routes = { … } }"):format(path)
  end
  for i, route in ipairs(group.routes) do
    local method, pattern, handler = table.unpack(route, 1, 3)
    if type(method) ~= "string" or not method:find("^%u+$") or type(pattern) ~= "string"
      or pattern:sub(1, 1) ~= "/" or type(handler) ~= "function" then
      return ('%s: routes[%d]: expected { "GET", "/path/{id}", function }'):format(path, i)
    end
    table.insert(self.list, 1, { method = method, parts = split(pattern), handler = handler })
  end
end

local function files_of(path)
  local facts = core.stat(path)
  if not facts then
    return nil, path .. ": not found"
  elseif facts.type ~= "directory" then
    return { path }
  end
  local files = {}
  for _, item in ipairs(core.scandir(path) or {}) do
    if item.name:find("^[^.].*%.lua$") and item.type ~= "directory" then
      files[#files + 1] = path .. "/" .. item.name
    end
  end
  return files
end

---@param paths string[]|nil files or folders besides the built-in ones
---@return enclave.Routes|nil
---@return enclave.Error? err
function routes.load(paths)
  local self = setmetatable({ list = {} }, Routes)
  for _, path in ipairs({ here .. "/routes", table.unpack(paths or {}) }) do
    local files, problem = files_of(path)
    for _, file in ipairs(files or {}) do
      local group
      group, problem = loader.load(file)
      problem = problem or add(self, group, file)
      if problem then
        break
      end
    end
    if problem then
      return nil, errors.new("invalid", problem, "routes.load")
    end
  end
  return self
end

local function fits(route, parts)
  if #route.parts ~= #parts then
    return nil
  end
  local values = {}
  for i, part in ipairs(route.parts) do
    local name = part:match("^{([%a_]+)}$")
    if name and parts[i] ~= "" then
      values[name] = parts[i]
    elseif part ~= parts[i] then
      return nil
    end
  end
  return values
end

---@param method string
---@param parts string[] of the path
---@return function|nil handler
---@return table<string, string>|string|nil values of the path; the allowed methods when only
---the method is wrong; nil when there is no such path
function Routes:find(method, parts)
  local allowed, literal = {}, nil
  for _, route in ipairs(self.list) do
    local values = fits(route, parts)
    if values and route.method == method then
      -- A path without placeholders goes before one with.
      if not next(values) then
        return route.handler, values
      end
      literal = literal or { route.handler, values }
    elseif values then
      allowed[#allowed + 1] = route.method
    end
  end
  if literal then
    return literal[1], literal[2]
  end
  table.sort(allowed)
  return nil, #allowed > 0 and table.concat(allowed, ", ") or nil
end

return routes
