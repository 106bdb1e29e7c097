-- The table of routes: loaded from files, each a group, and found by method and path. Of two
-- with one method and path the later holds. Files of the user are followed: a changed one is
-- loaded again, and one that breaks keeps its old routes.
local core = require "enclave.core"
local errors = require "enclave.errors"
local loader = require "enclave.plugins.loader"
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

-- The routes of one file, or nil and what is wrong.
local function read(path)
  local list, problems = loader.load(path, "route")
  if not list then
    local lines = {}
    for i, problem in ipairs(problems) do
      lines[i] = loader.text(path, problem)
    end
    return nil, table.concat(lines, "; ")
  end
  for _, route in ipairs(list) do
    route.parts = split(route.pattern)
  end
  return list
end

-- Brings the files up to date; gives the problems.
local function scan(self)
  local found, problems = search_path.files(self.entries)
  local files, changed = {}, #found ~= #self.files
  for i, file in ipairs(found) do
    local old = self.by_path[file.path]
    file.list = old and old.list
    if not old or old.stamp ~= file.stamp then
      local list, problem = read(file.path)
      problems[#problems + 1] = problem and problem .. (old and old.list and "; the old ones stay"
        or "")
      if list and old then
        core.log("info", "routes: loaded again from " .. file.path)
      end
      file.list, changed = list or file.list, true
    end
    files[i] = file
  end
  self.files, self.by_path = files, {}
  for _, file in ipairs(files) do
    self.by_path[file.path] = file
  end
  if changed then
    self:index()
  end
  return problems
end

-- By path for those without placeholders, by number of parts for the others.
function Routes:index()
  self.literal, self.patterns = {}, {}
  for _, file in ipairs(self.files) do
    for _, route in ipairs(file.list or {}) do
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
  local self = setmetatable({ entries = entries, files = {}, by_path = {}, said = {},
    checked = core.now() }, Routes)
  local problems = scan(self)
  if #problems > 0 then
    return nil, errors.new("invalid", table.concat(problems, "; "), "routes.load")
  end
  return self
end

-- Looks for changes, once a second, when there are files of the user.
local function refresh(self)
  local now = core.now()
  if #self.entries == 1 or now - self.checked < 1 then
    return
  end
  self.checked = now
  local said = {}
  for _, problem in ipairs(scan(self)) do
    said[problem] = true
    if not self.said[problem] then
      core.log("error", problem)
    end
  end
  self.said = said
end

---@return enclave.Route[] # by path and method; of two for one path and method the one that holds
function Routes:list()
  refresh(self)
  local list, seen = {}, {}
  for i = #self.files, 1, -1 do
    for _, route in ipairs(self.files[i].list or {}) do
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
  refresh(self)
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
