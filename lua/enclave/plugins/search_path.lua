-- Where plugin files are looked for, and which there are: the built-in ones, then the folders
-- of $ENCLAVE_PATH (each with tools/ and hooks/ in it), then what a caller adds. Who loads routes
-- and languages looks for those.
local core = require "enclave.core"

local search_path = {}

-- The folder of the built-in files, which is above this one's.
search_path.root = debug.getinfo(1, "S").source:match("^@(.*)[/\\][^/\\]*[/\\][^/\\]*$")
  or "."

---@class enclave.PathEntry
---@field kind "tool"|"hook"|"route"|"language"
---@field path string a folder of .lua files, or one file
---@field optional? boolean it may be missing
---@field builtin? boolean

local function folder_exists(path)
  local facts = core.stat(path)
  return facts and facts.type == "directory"
end

local function add_environment(entries, warn)
  for folder in (os.getenv("ENCLAVE_PATH") or ""):gmatch("[^:;]+") do
    local found = false
    for kind, name in pairs({ tool = "tools", hook = "hooks" }) do
      local path = folder .. "/" .. name
      if folder_exists(path) then
        entries[#entries + 1] = { kind = kind, path = path, optional = true }
        found = true
      end
    end
    if not (found or folder_exists(folder .. "/routes")
      or folder_exists(folder .. "/languages")) then
      warn(("ENCLAVE_PATH: %s has none of tools/, hooks/, languages/ and routes/"):format(folder))
    end
  end
end

---@param tools string[]|nil the caller's, files or folders
---@param hooks string[]|nil
---@param warn fun(line: string)
---@return enclave.PathEntry[]
function search_path.entries(tools, hooks, warn)
  local entries = {
    { kind = "tool", path = search_path.root .. "/tools", builtin = true },
    { kind = "hook", path = search_path.root .. "/hooks", builtin = true },
  }
  add_environment(entries, warn)
  for _, path in ipairs(tools or {}) do
    entries[#entries + 1] = { kind = "tool", path = path }
  end
  for _, path in ipairs(hooks or {}) do
    entries[#entries + 1] = { kind = "hook", path = path }
  end
  return entries
end

local function stamp_of(path)
  local facts, err = core.stat(path)
  if not facts then
    return nil, err
  end
  return ("%s %s"):format(facts.size, facts.mtime)
end

---@class enclave.PluginFile
---@field kind "tool"|"hook"|"route"|"language"
---@field path string
---@field stamp string changes when the file does
---@field builtin? boolean

---All plugin files in the order of the path; hidden ones and other names are left out.
---@param entries enclave.PathEntry[]
---@return enclave.PluginFile[] files
---@return string[] problems
function search_path.files(entries)
  local files, problems = {}, {}
  local function add(entry, path)
    local stamp, err = stamp_of(path)
    if stamp then
      files[#files + 1] = { kind = entry.kind, builtin = entry.builtin, path = path,
        stamp = stamp }
    else
      problems[#problems + 1] = err and err.message or path .. ": not found"
    end
  end
  for _, entry in ipairs(entries) do
    local facts, err = core.stat(entry.path)
    if not facts then
      if not entry.optional then
        problems[#problems + 1] = err and err.message or entry.path .. ": not found"
      end
    elseif facts.type ~= "directory" then
      add(entry, entry.path)
    else
      for _, item in ipairs(core.scandir(entry.path) or {}) do
        if item.name:find("^[^.].*%.lua$") and item.type ~= "directory" then
          add(entry, entry.path .. "/" .. item.name)
        end
      end
    end
  end
  return files, problems
end

return search_path
