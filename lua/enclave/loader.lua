-- Loads one plugin file (a tool, a hook) in an environment of its own: globals can be read,
-- an accidental global is an error that names file and line. Text only, no bytecode.
local loader = {}

local function environment()
  return setmetatable({}, {
    __index = _G,
    __newindex = function(_, name)
      error(('assignment to the global "%s"; write "local %s"'):format(tostring(name),
        tostring(name)), 2)
    end,
  })
end

local function read(path)
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, problem
  end
  local text
  text, problem = file:read("a")
  file:close()
  if not text then
    return nil, ("%s: %s"):format(path, problem)
  end
  return text
end

-- Most problems name file and line themselves, but not all.
local function name_file(path, problem)
  return problem:find(path, 1, true) and problem or ("%s: %s"):format(path, problem)
end

---@param path string
---@return table|nil definition what the file returned
---@return string? problem with the file's name
function loader.load(path)
  local text, problem = read(path)
  if not text then
    return nil, problem
  end
  -- Newlines are kept, so that lines count right.
  text = text:gsub("^#[^\n]*", "")
  local chunk
  chunk, problem = load(text, "@" .. path, "t", environment())
  if not chunk then
    return nil, name_file(path, problem)
  end
  local ok, definition = xpcall(chunk, function(thrown)
    return tostring(thrown)
  end)
  if not ok then
    return nil, name_file(path, definition)
  elseif type(definition) ~= "table" then
    return nil, ("%s: expected the file to return a table, got %s"):format(path,
      definition == nil and "nothing" or "a " .. type(definition))
  end
  return definition
end

return loader
