-- Follows folders: calls a function when something may have changed in them. The operating system
-- tells; where it cannot, or when the caller wants an interval, it is looked at by time.
local core = require "enclave.core"

---@class enclave.Follower
local Follower = {}
Follower.__index = Follower

local follow = {}

local poll = 1 -- seconds, for folders that cannot be watched

local function close_all(self)
  for _, watch in ipairs(self.watches) do
    watch:close()
  end
  self.watches = {}
end

-- Begins again: a folder may have been replaced by another of its name.
local function watch_all(self)
  close_all(self)
  self.polled = false
  -- The watch must not keep alive what follows.
  local weak = setmetatable({ self }, { __mode = "v" })
  for _, folder in ipairs(self.folders) do
    local watch = core.watch(folder, function()
      if weak[1] then
        weak[1]:look()
      end
    end)
    if watch then
      self.watches[#self.watches + 1] = watch
    else
      self.polled = true
    end
  end
end

---@param entries enclave.PathEntry[] folders or files
---@param interval number|nil seconds between looks; nil: whenever something changed
---@param changed fun(owner: table)
---@param owner table not kept alive
---@return enclave.Follower
function follow.new(entries, interval, changed, owner)
  local self = setmetatable({ watches = {}, folders = {}, interval = interval, changed = changed,
    owner = setmetatable({ owner }, { __mode = "v" }), checked = core.now(), polled = true },
    Follower)
  local seen = {}
  for _, entry in ipairs(entries) do
    local facts = core.stat(entry.path)
    local folder = facts and facts.type ~= "directory" and (entry.path:match("^(.*)/") or ".")
      or entry.path
    if not seen[folder] and not folder:find("^bundle:") then -- those stay what they are
      seen[folder] = true
      self.folders[#self.folders + 1] = folder
    end
  end
  if not interval then
    watch_all(self)
  end
  return self
end

---Looks now.
function Follower:look()
  local owner = self.owner[1]
  if self.looking or not owner or self.closed then
    return
  end
  self.looking, self.checked = true, core.now()
  local _ <close> = setmetatable({}, { __close = function()
    self.looking = false
  end })
  if not self.interval then
    watch_all(self) -- first, so that nothing is missed
  end
  self.changed(owner)
end

---To be called before what was read is used.
function Follower:check()
  if self.polled and core.now() - self.checked >= (self.interval or poll) then
    self:look()
  end
end

function Follower:close()
  self.closed = true
  close_all(self)
end

return follow
