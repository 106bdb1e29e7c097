-- The languages that multi_code_executor knows: one data file each in lua/enclave/languages/,
-- in languages/ of each folder of $ENCLAVE_PATH, and where a manager's option `languages`
-- says. Of two with one name the later holds. Files that change are read again; one that
-- breaks keeps its old version, and one that never was right is told when it is asked for.
local core = require "enclave.core"
local errors = require "enclave.errors"
local loader = require "enclave.plugins.loader"
local search_path = require "enclave.plugins.search_path"
local suggest = require "enclave.suggest"

local languages = {}

local interval = 1 -- seconds between looks at the files

---@class enclave.Languages
---@field folders string[]
---@field files table<string, { stamp: string, language?: enclave.Language, problem?: string }>
---@field by_name table<string, enclave.Language> names and aliases, in lower case
---@field sorted enclave.Language[]
---@field programs string[] that they need
---@field problems string[]
---@field checked number
local Languages = {}
Languages.__index = Languages

---@param path string
---@return enclave.Language|nil
---@return string? problem "file:line: field: message"
function languages.load(path)
  local language, problems = loader.load(path, "language")
  return language, not language and loader.text(path, problems[1]) or nil
end

local function data_files(folders)
  local paths = {}
  for _, folder in ipairs(folders) do
    for _, item in ipairs(core.scandir(folder) or {}) do
      if item.name:find("^[^.].*%.lua$") and item.type ~= "directory" then
        paths[#paths + 1] = folder .. "/" .. item.name
      end
    end
  end
  return paths
end

local function read_file(path, old)
  local facts, err = core.stat(path)
  local stamp = facts and ("%s %s"):format(facts.size, facts.mtime) or tostring(err)
  if old and old.stamp == stamp then
    return old
  end
  local language, problem = languages.load(path)
  if problem then
    core.log("error", "language: " .. problem)
  end
  return { stamp = stamp, language = language or old and old.language, problem = problem }
end

local function sorted(by_name)
  local list, seen = {}, {}
  for _, language in pairs(by_name) do
    if not seen[language] then
      seen[language] = true
      list[#list + 1] = language
    end
  end
  table.sort(list, function(a, b)
    return a.name < b.name
  end)
  return list
end

-- All that some language needs, each once.
local function programs_of(list)
  local programs, seen = {}, {}
  for _, language in ipairs(list) do
    for _, variant in ipairs(language.variants) do
      for _, name in ipairs(variant.programs) do
        if not seen[name] then
          seen[name] = true
          programs[#programs + 1] = name
        end
      end
    end
  end
  return programs
end

local function index(self, order)
  local by_name, problems = {}, {}
  for _, path in ipairs(order) do
    local file = self.files[path]
    local language = file.language
    for _, alias in ipairs(language and language.aliases or {}) do
      by_name[alias:lower()] = language
    end
    problems[#problems + 1] = file.problem
  end
  -- A name counts more than any alias.
  for _, path in ipairs(order) do
    local language = self.files[path].language
    if language then
      by_name[language.name:lower()] = language
    end
  end
  self.by_name, self.problems = by_name, problems
  self.sorted = sorted(by_name)
  self.programs = programs_of(self.sorted)
end

local function refresh(self)
  local now = core.now()
  if now - self.checked < interval then
    return
  end
  self.checked = now
  local files, order = {}, data_files(self.folders)
  for _, path in ipairs(order) do
    files[path] = read_file(path, self.files[path])
  end
  self.files = files
  index(self, order)
end

-- One set for each list of folders: the files are read once, whoever asks.
local sets = {}

---@param more? string[] folders besides the built-in one and those of $ENCLAVE_PATH
---@return enclave.Languages
function languages.set(more)
  local folders = { search_path.root .. "/languages" }
  for folder in (os.getenv("ENCLAVE_PATH") or ""):gmatch("[^:;]+") do
    folders[#folders + 1] = folder .. "/languages"
  end
  table.move(more or {}, 1, #(more or {}), #folders + 1, folders)
  local key = table.concat(folders, "\0")
  sets[key] = sets[key]
    or setmetatable({ folders = folders, files = {}, checked = -math.huge }, Languages)
  refresh(sets[key])
  return sets[key]
end

---@return enclave.Language[] # by name
function Languages:list()
  return self.sorted
end

---@param name string a name or an alias; capitals do not matter
---@return enclave.Language|nil
---@return enclave.Error? err code "invalid"
function Languages:find(name)
  local language = self.by_name[name:lower()]
  if language then
    return language
  end
  local names = {}
  for i, other in ipairs(self:list()) do
    names[i] = other.name
  end
  local near = suggest.nearest(name, suggest.names(self.by_name))
  local broken = #self.problems > 0 and "; not loaded: " .. table.concat(self.problems, "; ") or ""
  return nil, errors.new("invalid", ("parameters.language: unknown, got %s%s; known: %s%s"):format(
    errors.show(name), near and ('; did you mean "%s"?'):format(near) or "",
    table.concat(names, ", "), broken), "multi_code_executor")
end

return languages
