-- Which languages an image has: looked up once per image, by one run that asks for every
-- program that some language needs. A sandbox that came to its caller with what others left in it
-- is looked at by itself, and again when something is missing: it may be there by now.
local errors = require "enclave.errors"
local json = require "enclave.json"

local toolchain = {}

-- What is asked for as an absolute path is a file (a .jar); anything else is a program.
local probe = [[
for name do
  case $name in
  /*) [ -e "$name" ] ;;
  *) command -v "$name" >/dev/null 2>&1 ;;
  esac && printf '%s\n' "$name"
done
exit 0]]

local most_images = 64
local longest_version = 200
---@type table<string, { programs: table<string, boolean>, versions: table<string, string> }>
local images = {} -- by facts.key
local count = 0

---What is known about the sandbox that calls need: its limits, its work folder, its image.
---@param sandbox enclave.Sandbox
---@param clean boolean it is as its image is
---@return table|nil facts { folder, user, memory, cpus, max_timeout, bound: it shares folders with
--- the host, clean, key: of its image (or of itself) and environment }
---@return enclave.Error? err
function toolchain.facts(sandbox, clean)
  local described, err = sandbox:describe()
  if not described then
    return nil, err
  end
  local config, metadata = described.config or {}, described.metadata or {}
  local parts = {}
  for name, value in pairs(config.env_vars or {}) do
    parts[#parts + 1] = ("\0%s=%s"):format(name, value)
  end
  table.sort(parts)
  return { folder = config.working_dir or "/sandbox", user = config.user or "",
    memory = config.memory_limit or 0,
    cpus = config.cpu_limit or 1, max_timeout = config.max_timeout or math.huge,
    bound = next(config.volumes or {}) ~= nil, clean = clean,
    key = (clean and metadata.image_id or described.id) .. table.concat(parts) }
end

local function remember(key, entry)
  if not images[key] then
    if count >= most_images then
      images, count = {}, 0
    end
    count = count + 1
  end
  images[key] = entry
end

-- Asks for what has not been asked for yet; anew: for all.
local function programs_of(sandbox, facts, set, anew)
  local entry = not anew and images[facts.key] or { programs = {} }
  local unknown = {}
  for _, name in ipairs(set.programs) do
    if entry.programs[name] == nil then
      unknown[#unknown + 1] = name
    end
  end
  if #unknown == 0 then
    return entry.programs
  end
  local run, err = sandbox:run{ interpreter = "sh", code = probe, args = unknown, cwd = "/" }
  if not run then
    return nil, err
  elseif run.status ~= "exited" or run.exit_code ~= 0 then
    return nil, errors.new("internal", ("cannot look for programs in the image: %s"):format(
      run.stderr ~= "" and run.stderr or run.status), "multi_code_executor")
  end
  local programs = {}
  for name, there in pairs(entry.programs) do
    programs[name] = there
  end
  for _, name in ipairs(unknown) do
    programs[name] = false
  end
  for name in run.stdout:gmatch("[^\n]+") do
    programs[name] = true
  end
  remember(facts.key, { programs = programs, versions = {} })
  return programs
end

local function missing_of(variant, programs)
  local missing = {}
  for _, name in ipairs(variant.programs) do
    if not programs[name] then
      missing[#missing + 1] = name
    end
  end
  return missing
end

local function find(language, programs)
  local least
  for _, variant in ipairs(language.variants) do
    local missing = missing_of(variant, programs)
    if #missing == 0 then
      return variant
    elseif not least or #missing < #least then
      least = missing
    end
  end
  return nil, least
end

---The languages that the sandbox's image has the programs for.
---@param sandbox enclave.Sandbox
---@param facts table
---@param set enclave.Languages
---@return string[]|nil names
---@return enclave.Error? err
function toolchain.available(sandbox, facts, set)
  local programs, err = programs_of(sandbox, facts, set)
  if not programs then
    return nil, err
  end
  local names = {}
  for _, language in ipairs(set:list()) do
    if find(language, programs) then
      names[#names + 1] = language.name
    end
  end
  return names
end

---The variant of a language that the image has the programs for; nil and what the caller is
---told otherwise.
---@param sandbox enclave.Sandbox
---@param facts table
---@param set enclave.Languages
---@param language enclave.Language
---@return enclave.LanguageVariant|nil
---@return table|nil result of the tool: the programs are missing
---@return enclave.Error? err
function toolchain.choose(sandbox, facts, set, language)
  local programs, err = programs_of(sandbox, facts, set)
  if not programs then
    return nil, nil, err
  end
  local variant, missing = find(language, programs)
  if not variant and not facts.clean then
    programs, err = programs_of(sandbox, facts, set, true)
    if not programs then
      return nil, nil, err
    end
    variant, missing = find(language, programs)
  end
  if variant then
    return variant
  end
  local names = toolchain.available(sandbox, facts, set) or {}
  return nil, { status = "error", output = "", error = ("%s needs %s, which this image lacks;"
    .. " languages of this image: %s"):format(language.name, table.concat(missing, " and "),
    #names > 0 and table.concat(names, ", ") or "none"),
    metadata = { language = language.name, missing = missing, languages = json.array(names) } }
end

---What the programs of a language call themselves: asked once per image.
---@param sandbox enclave.Sandbox
---@param facts table
---@param language enclave.Language
---@param variant enclave.LanguageVariant that was chosen
---@return string|nil version a line; nil: the language does not say how to ask, or got no answer
---@return enclave.Error? err
function toolchain.version(sandbox, facts, language, variant)
  local entry = images[facts.key]
  local known = entry and entry.versions[language.name]
  if known or not variant.version then
    return known
  end
  local run, err = sandbox:run{ argv = variant.version, cwd = "/" }
  if not run then
    return nil, err
  end
  local text = run.stdout .. "\n" .. run.stderr
  local at = text:find("%d%.%d")
  local line = at and text:match("^[^\n]*", text:sub(1, at):match("^.*\n()"))
    :sub(1, longest_version)
  if entry and line then
    entry.versions[language.name] = line
  end
  return line
end

return toolchain
