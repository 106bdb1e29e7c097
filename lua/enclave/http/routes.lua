-- The table of routes: loaded from files, each a group, and found by method and path. Of two
-- with one method and path the later holds. The files are followed.
local errors = require "enclave.errors"
local plugin_files = require "enclave.plugins.files"
local search_path = require "enclave.plugins.search_path"

---@class enclave.RouteInfo what a route is good for, as /openapi.json tells it
---@field summary? string
---@field query? table<string, table> name -> JSON Schema; required = true is taken out of it
---@field body? table content type -> JSON Schema
---@field reply? table content type -> JSON Schema; default: any JSON
---@field body_required? boolean
---@field fails? integer[] statuses of openapi.failures
---@field runs_tool? boolean it changes no number of sandboxes

---@class enclave.Route
---@field method string
---@field pattern string
---@field parts string[]
---@field handler fun(request: enclave.Request, server: enclave.Server): any, any, any
---@field info enclave.RouteInfo
---@field builtin? boolean

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

-- By path for those without placeholders, by number of parts for the others.
local function index(self, list)
  self.literal, self.patterns = {}, {}
  for _, file in ipairs(list) do
    for _, route in ipairs(file.record or {}) do
      route.parts, route.builtin = split(route.pattern), file.builtin
      if route.pattern:find("{", 1, true) then
        local count = #route.parts
        self.patterns[count] = self.patterns[count] or {}
        table.insert(self.patterns[count], 1, route)
      else
        local same = self.literal[route.pattern] or { count = #route.parts, methods = {} }
        same.methods[route.method] = route
        self.literal[route.pattern] = same
      end
    end
  end
end

---@param paths string[]|nil files or folders besides the built-in ones and $ENCLAVE_PATH/routes
---@return enclave.Routes|nil
---@return enclave.Error? err
function routes.load(paths)
  local entries = { { kind = "route", path = search_path.root .. "/routes", builtin = true } }
  for folder in (os.getenv("ENCLAVE_PATH") or ""):gmatch("[^:;]+") do
    entries[#entries + 1] = { kind = "route", path = folder .. "/routes", optional = true }
  end
  for _, path in ipairs(paths or {}) do
    entries[#entries + 1] = { kind = "route", path = path }
  end
  local self = setmetatable({}, Routes)
  self.files = plugin_files.new(entries, nil, function(list)
    index(self, list)
  end)
  if #self.files.problems > 0 then
    self:close()
    return nil, errors.new("invalid", table.concat(self.files.problems, "; "), "routes.load")
  end
  return self
end

---Their files are followed no more. Idempotent.
function Routes:close()
  self.files:close()
end

---@return enclave.Route[] # by path and method; of two for one path and method the one that holds
function Routes:list()
  self.files:check()
  local list, seen = {}, {}
  for i = #self.files.list, 1, -1 do
    for _, route in ipairs(self.files.list[i].record or {}) do
      local key = route.pattern .. " " .. route.method
      if not seen[key] then
        seen[key] = true
        list[#list + 1] = route
      end
    end
  end
  table.sort(list, function(a, b)
    if a.pattern ~= b.pattern then
      return a.pattern < b.pattern
    end
    return a.method < b.method
  end)
  return list
end

local function fits(route, parts)
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

---A path without placeholders goes before one with. A slash at the end changes nothing.
---@param method string
---@param parts string[] of the path
---@return enclave.Route|nil
---@return table<string, string>|string|nil values of the path; the allowed methods when only
---the method is wrong; nil when there is no such path
function Routes:find(method, parts)
  self.files:check()
  local count = #parts
  if count > 1 and parts[count] == "" then
    parts[count], count = nil, count - 1
  end
  local same = self.literal["/" .. table.concat(parts, "/")]
  local methods = same and same.count == count and same.methods or {} -- %2F is no slash
  if methods[method] then
    return methods[method]
  end
  local allowed, seen = {}, {}
  local function allow(name)
    if not seen[name] then
      seen[name] = true
      allowed[#allowed + 1] = name
    end
  end
  for _, route in ipairs(self.patterns[count] or {}) do
    local values = fits(route, parts)
    if values and route.method == method then
      return route, values
    elseif values then
      allow(route.method)
    end
  end
  for name in pairs(methods) do
    allow(name)
  end
  if seen.GET then
    allow("HEAD")
  end
  table.sort(allowed)
  return nil, #allowed > 0 and table.concat(allowed, ", ") or nil
end

return routes
