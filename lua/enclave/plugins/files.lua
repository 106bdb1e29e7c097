-- The files of a search path, loaded and followed: one that changes is loaded again, and one that
-- breaks keeps what it was and says why, once. What they mean is the owner's matter.
local core = require "enclave.core"
local follow = require "enclave.plugins.follow"
local loader = require "enclave.plugins.loader"
local search_path = require "enclave.plugins.search_path"

---@class enclave.LoadedFile: enclave.PluginFile
---@field record? table what the loader made of it
---@field problem? string why its newest version does not count

---@class enclave.Files
---@field list enclave.LoadedFile[] in the order of the path
---@field problems string[] of the last look
local Files = {}
Files.__index = Files

local files = {}

local function load_file(file)
  local record, problems = loader.load(file.path, file.kind)
  local lines = {}
  for i, problem in ipairs(problems) do
    lines[i] = loader.text(file.path, problem)
  end
  return record, not record and table.concat(lines, "; ") or nil
end

-- What the file is now, given what it was; and whether its record is another one.
local function renewed(file, old)
  if old and old.stamp == file.stamp then
    file.record, file.problem = old.record, old.problem
    return false
  end
  file.record, file.problem = load_file(file)
  if file.problem and old and old.record then
    file.record, file.problem = old.record, file.problem .. "; the old one stays"
  elseif file.record and old then
    core.log("info", ("%s: loaded again from %s"):format(file.kind, file.path))
  end
  return true
end

-- Brings the list up to date; calls the owner when something is another than before.
local function scan(self)
  local found, problems = search_path.files(self.entries)
  local list, by_path, changed = {}, {}, false
  for _, file in ipairs(found) do
    if not by_path[file.path] then
      changed = renewed(file, self.by_path[file.path]) or changed
      problems[#problems + 1] = file.problem
      by_path[file.path], list[#list + 1] = file, file
    end
  end
  for path, file in pairs(self.by_path) do
    if not by_path[path] then
      changed = true
      core.log("info", ("%s: %s is gone"):format(file.kind, path))
    end
  end
  self.list, self.by_path, self.problems = list, by_path, problems
  if changed then
    self.changed(list)
  end
end

-- A problem is said when it is new.
local function look(self)
  local said = {}
  scan(self)
  for _, problem in ipairs(self.problems) do
    said[problem] = true
    if not self.said[problem] then
      core.log("error", problem)
    end
  end
  self.said = said
end

---Loads them. What is not right with them is in problems, and not said.
---@param entries enclave.PathEntry[]
---@param interval number|nil seconds between looks; nil: whenever the system tells of a change
---@param changed fun(list: enclave.LoadedFile[]) called now, and when there was a change
---@return enclave.Files
function files.new(entries, interval, changed)
  local self = setmetatable({ entries = entries, changed = changed, by_path = {}, said = {} },
    Files)
  self.follower = follow.new(entries, interval, look, self)
  scan(self)
  for _, problem in ipairs(self.problems) do
    self.said[problem] = true
  end
  return self
end

---To be called before what they were made into is used.
function Files:check()
  self.follower:check()
end

---They are followed no more. Idempotent.
function Files:close()
  self.follower:close()
end

return files
