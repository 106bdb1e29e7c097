-- Loads one plugin file (a tool, a hook, routes) in an environment of its own: globals can be read,
-- an accidental global is an error that names file and line. Text only, no bytecode; the file's
-- body may execute so many instructions and no more.
local core = require "enclave.core"
local definitions = require "enclave.plugins.definitions"
local environment = require "enclave.plugins.environment"
local errors = require "enclave.errors"
local globals = require "enclave.plugins.globals"
local source_map = require "enclave.plugins.source_map"
local suggest = require "enclave.suggest"

local loader = {}

---Instructions that the body of a file may execute.
loader.budget = 10000000

---@class enclave.LoadProblem
---@field line? integer
---@field message string

local function read(path)
  local inside = core.bundled(path)
  if inside then
    return inside
  end
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, (problem:gsub("^" .. path:gsub("%p", "%%%0") .. ": ", ""))
  end
  local text
  text, problem = file:read("a")
  file:close()
  return text, problem
end

-- A message of Lua without the file, and its line.
local function split(path, message)
  local prefix = path .. ":"
  if message:sub(1, #prefix) == prefix then
    local line, rest = message:sub(#prefix + 1):match("^(%d+): (.*)$")
    if line then
      return { line = tonumber(line), message = rest }
    end
  end
  return { message = message }
end

-- Names that nobody defined, in functions too that have not run yet.
local function check_globals(chunk)
  local problems, said = {}, {}
  for _, use in ipairs(globals.of(chunk)) do
    local message = use.set and environment.assigned(use.name)
    if not use.set and rawget(_G, use.name) == nil and use.name ~= "_G" then
      local near = suggest.nearest(use.name, suggest.names(_G))
      message = ('there is no global "%s"%s'):format(use.name,
        near and ('; did you mean "%s"?'):format(near) or "")
    end
    if message and not said[use.line .. message] then
      said[use.line .. message] = true
      problems[#problems + 1] = { line = use.line, message = message }
    end
  end
  return problems
end

local kind_of_folder = { tools = "tool", hooks = "hook", routes = "route", languages = "language" }

-- By what tells the kinds apart, then by the folder, then by what a mistyped field was to be.
local function guess_kind(definition, path)
  if definition.execute ~= nil then
    return "tool"
  elseif definition.routes ~= nil then
    return "route"
  end
  local event = false
  for name in pairs(definition) do
    if definitions.hook_fields[name] == "function|nil" then
      return "hook"
    end
    event = event or type(name) == "string" and name:find("^on_") ~= nil
  end
  if definition.run or definition.programs or definition.variants then
    return "language"
  end
  return kind_of_folder[path:match("([^/]+)/+[^/]*$")] or event and "hook" or "tool"
end

local function run(chunk, path)
  local ok, definition = core.bounded(loader.budget, chunk)
  if not ok then
    -- The traceback names this file's callers, which say nothing about the file.
    local _, text = errors.describe(definition)
    return nil, { split(path, (text:gsub("\nstack traceback:.*", ""))) }
  elseif type(definition) ~= "table" then
    return nil, { { message = "expected the file to return a table, got "
      .. (definition == nil and "nothing" or "a " .. type(definition)) } }
  end
  return definition
end

---@param path string
---@param kind "tool"|"hook"|"route"|"language"|nil nil: what it looks like
---@return enclave.Tool|enclave.Hook|enclave.Route[]|nil
---@return enclave.LoadProblem[] problems all that could be found
---@return "tool"|"hook"|"route"|"language"|nil kind
function loader.load(path, kind)
  local text, problem = read(path)
  if not text then
    return nil, { { message = problem } }
  end
  -- Newlines are kept, so that lines count right.
  text = text:gsub("^#[^\n]*", "")
  local chunk
  chunk, problem = load(text, "@" .. path, "t", environment.new())
  if not chunk then
    return nil, { split(path, problem) }
  end
  local problems = check_globals(chunk)
  local definition, failed = run(chunk, path)
  if not definition then
    if #problems == 0 then
      problems = failed
    end
    return nil, problems
  end
  kind = kind or guess_kind(definition, path)
  local record, wrong = definitions[kind](definition, path)
  local line_of = wrong and source_map.of(text)
  for _, fault in ipairs(wrong or {}) do
    problems[#problems + 1] = { line = line_of(fault.at), message = definitions.text(fault) }
  end
  return #problems == 0 and record or nil, problems, kind
end

---@param path string
---@param problem enclave.LoadProblem
---@return string # "file:line: message"
function loader.text(path, problem)
  return ("%s:%s %s"):format(path, problem.line and problem.line .. ":" or "", problem.message)
end

return loader
