-- Builds that were made already: what they left, by all that went into them. It lives in this
-- process, where no run can write; the key is the content itself, not a hash of it, so two
-- different programs never meet. Bounded in bytes: what was not used for longest goes first.
--
-- Only sandboxes that come clean to their borrower take part: elsewhere a build may depend on
-- files that an earlier call left.
local build_cache = {}

build_cache.default_size = 64 << 20
local largest_part = 4 -- one entry has at most a quarter of the whole

---@class enclave.BuildCache
---@field size integer bytes it may hold
---@field used integer
---@field hits integer
---@field misses integer
local Cache = {}
Cache.__index = Cache

local function new()
  -- The list of entries by use: head.next is the latest, head.previous the oldest.
  local head = {}
  head.next, head.previous = head, head
  return setmetatable({ entries = {}, head = head, used = 0, size = build_cache.default_size,
    hits = 0, misses = 0 }, Cache)
end

local function unlink(entry)
  entry.previous.next, entry.next.previous = entry.next, entry.previous
end

local function link(self, entry)
  local head = self.head
  entry.next, entry.previous = head.next, head
  head.next.previous = entry
  head.next = entry
end

local function drop(self, entry)
  unlink(entry)
  self.entries[entry.key] = nil
  self.used = self.used - entry.size
end

---Everything that a build depends on, as one string.
---@param parts string[]
---@param files table<string, string>
---@return string
function build_cache.key(parts, files)
  local names, out = {}, { ("s4"):pack(tostring(#parts)) }
  for name in pairs(files) do
    names[#names + 1] = name
  end
  table.sort(names)
  local function add(text)
    out[#out + 1] = ("s4"):pack(text)
  end
  for _, part in ipairs(parts) do
    add(part)
  end
  for _, name in ipairs(names) do
    add(name)
    add(files[name])
  end
  return table.concat(out)
end

---@class enclave.Built
---@field archive string a tar of what the build left
---@field stdout string what it said
---@field stderr string

---@param key string
---@return enclave.Built|nil
function Cache:get(key)
  local entry = self.entries[key]
  if not entry then
    self.misses = self.misses + 1
    return nil
  end
  self.hits = self.hits + 1
  unlink(entry)
  link(self, entry)
  return entry.built
end

---@return integer # bytes that one archive may have
function Cache:largest()
  return self.size // largest_part
end

---@param size integer
function Cache:resize(size)
  self.size = size
  while self.used > self.size do
    drop(self, self.head.previous)
  end
end

---@param key string
---@param built enclave.Built
function Cache:put(key, built)
  local size = #key + #built.archive + #built.stdout + #built.stderr
  if size > self:largest() then
    return
  elseif self.entries[key] then
    drop(self, self.entries[key])
  end
  local entry = { key = key, built = built, size = size }
  self.entries[key] = entry
  link(self, entry)
  self.used = self.used + size
  self:resize(self.size)
end

---The cache of a manager.
---@param kept table context.kept of its tools
---@param size? integer bytes
---@return enclave.BuildCache
function build_cache.of(kept, size)
  kept.build_cache = kept.build_cache or new()
  kept.build_cache:resize(size or build_cache.default_size)
  return kept.build_cache
end

return build_cache
