-- The tools and hooks that a manager knows, out of files that are followed. Of two with one name
-- the later on the path holds.
local core = require "enclave.core"
local definitions = require "enclave.plugins.definitions"
local errors = require "enclave.errors"
local plugin_files = require "enclave.plugins.files"
local search_path = require "enclave.plugins.search_path"
local suggest = require "enclave.suggest"

---@class enclave.Registry
local Registry = {}
Registry.__index = Registry

local registry = {}

-- Tables by name and hooks by event out of the loaded files.
local function index(self, list)
  local tools, hooks, by_event = {}, {}, {}
  for _, file in ipairs(list) do
    local record, names = file.record, file.kind == "tool" and tools or hooks
    local other = record and names[record.name]
    if other and self.overrides[file.path] ~= other.path then
      self.overrides[file.path] = other.path
      -- To take a built-in one's place is meant; two of the user's may be a mistake.
      core.log(other.builtin and "info" or "warn", ("%s %s: %s takes the place of %s"):format(
        file.kind, record.name, file.path, other.path))
    end
    if record then
      record.builtin = file.builtin
      names[record.name] = record
    end
  end
  local sorted = {}
  for _, hook in pairs(hooks) do
    sorted[#sorted + 1] = hook
  end
  table.sort(sorted, function(a, b)
    if a.priority ~= b.priority then
      return a.priority < b.priority
    end
    return a.name < b.name
  end)
  for _, event in ipairs(definitions.events) do
    by_event[event] = {}
    for _, hook in ipairs(sorted) do
      if hook[event] then
        table.insert(by_event[event], hook)
      end
    end
  end
  self.tools_by_name, self.hooks_by_event = tools, by_event
end

---@param options? { tools?: string[], hooks?: string[], languages?: string[], interval?: number,
--- secrets?: table }
---@return enclave.Registry|nil
---@return enclave.Error? err names every file that is not right
function registry.new(options)
  options = options or {}
  local self = setmetatable({ overrides = {}, secrets = options.secrets or {},
    languages = options.languages or {}, kept = {} }, Registry)
  local entries = search_path.entries(options.tools, options.hooks, function(line)
    core.log("warn", line)
  end)
  self.files = plugin_files.new(entries, options.interval, function(list)
    index(self, list)
  end)
  if #self.files.problems > 0 then
    self:close()
    return nil, errors.new("invalid", table.concat(self.files.problems, "; "), "tools.load")
  end
  return self
end

---Files are followed no more. Idempotent.
function Registry:close()
  self.files:close()
end

---@param name string
---@return enclave.Tool|nil
---@return enclave.Error? err code "not_found", lists the known ones
function Registry:tool(name)
  self.files:check()
  local tool = self.tools_by_name[name]
  if tool then
    return tool
  end
  local names = suggest.names(self.tools_by_name)
  local near = suggest.nearest(name, names)
  return nil, errors.new("not_found", ("there is no tool %s%s; known: %s"):format(
    errors.show(name):gsub("^string ", ""), near and (' (did you mean "%s"?)'):format(near)
    or "", table.concat(names, ", ")), "tool")
end

---@param name string of a secret that a tool declared
---@return string|nil # from the options, else from the environment of this program
function Registry:secret(name)
  return self.secrets[name] or os.getenv(name)
end

---@return enclave.Tool[] # by name
function Registry:tools()
  self.files:check()
  local list = {}
  for _, name in ipairs(suggest.names(self.tools_by_name)) do
    list[#list + 1] = self.tools_by_name[name]
  end
  return list
end

---The pool cleans by itself: there is nothing to run on the way back but the built-in reset.
---@return boolean
function Registry:only_reset()
  local list = self:hooks("on_return")
  return #list == 0 or #list == 1 and list[1].builtin and list[1].name == "reset"
end

---@param event "on_create"|"on_borrow"|"on_return"|"on_destroy"
---@return enclave.Hook[] # in the order in which they run
function Registry:hooks(event)
  self.files:check()
  return self.hooks_by_event[event]
end

return registry
