-- The languages that multi_code_executor knows: one data file each in lua/enclave/languages/,
-- in languages/ of each folder of $ENCLAVE_PATH, and where a manager's option `languages`
-- says. Of two with one name the later holds. The files are followed; one that is not right is
-- told of in the log, and when a language is asked for that is not there.
local core = require "enclave.core"
local errors = require "enclave.errors"
local loader = require "enclave.plugins.loader"
local plugin_files = require "enclave.plugins.files"
local search_path = require "enclave.plugins.search_path"
local suggest = require "enclave.suggest"

local languages = {}

local interval = 1 -- seconds between looks at the files

---@class enclave.Languages
---@field files enclave.Files
---@field by_name table<string, enclave.Language> names and aliases, in lower case
---@field sorted enclave.Language[]
---@field programs string[] that they need
local Languages = {}
Languages.__index = Languages

---@param path string
---@return enclave.Language|nil
---@return string? problem "file:line: field: message"
function languages.load(path)
  local language, problems = loader.load(path, "language")
  return language, not language and loader.text(path, problems[1]) or nil
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

local function index(self, list)
  local by_name = {}
  for _, file in ipairs(list) do
    for _, alias in ipairs(file.record and file.record.aliases or {}) do
      by_name[alias:lower()] = file.record
    end
  end
  -- A name counts more than any alias.
  for _, file in ipairs(list) do
    if file.record then
      by_name[file.record.name:lower()] = file.record
    end
  end
  self.by_name = by_name
  self.sorted = sorted(by_name)
  self.programs = programs_of(self.sorted)
end

local function new_set(folders)
  local self, entries = setmetatable({}, Languages), {}
  for i, folder in ipairs(folders) do
    entries[i] = { kind = "language", path = folder, optional = true }
  end
  self.files = plugin_files.new(entries, interval, function(list)
    index(self, list)
  end)
  for _, problem in ipairs(self.files.problems) do
    core.log("error", "language: " .. problem)
  end
  return self
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
  sets[key] = sets[key] or new_set(folders)
  sets[key].files:check()
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
  local problems = table.concat(self.files.problems, "; ")
  problems = problems ~= "" and "; not loaded: " .. problems or ""
  return nil, errors.new("invalid", ("parameters.language: unknown, got %s%s; known: %s%s"):format(
    errors.show(name), near and ('; did you mean "%s"?'):format(near) or "",
    table.concat(names, ", "), problems), "multi_code_executor")
end

return languages
