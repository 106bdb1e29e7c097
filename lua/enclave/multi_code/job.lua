-- One call of multi_code_executor, read and checked: which files there are to be, which is the
-- main one, what the words of the language's commands stand for.
local command = require "enclave.multi_code.command"
local core = require "enclave.core"
local errors = require "enclave.errors"
local given_files = require "enclave.multi_code.given_files"

local job = {}

---@class enclave.Job
---@field sandbox enclave.Sandbox
---@field language enclave.Language
---@field variant enclave.LanguageVariant
---@field facts table of the sandbox, see toolchain.facts
---@field files table<string, string> all of them, the main one too
---@field given table<string, true> names of those that came with the call, but for the main one
---@field main string
---@field folder? string in the work folder, where all this happens; nil: the work folder
---@field root string the same, absolute
---@field words table<string, string|string[]>
---@field env table<string, string>
---@field build_timeout? number
---@field run_timeout? number
---@field memory_limit? integer bytes

local function invalid(message, ...)
  return nil, errors.new("invalid", message:format(...), "multi_code_executor")
end

local units = { [""] = 1, b = 1, k = 1 << 10, m = 1 << 20, g = 1 << 30 }

local function read_size(value)
  if value == nil then
    return nil
  end
  local number, unit = tostring(value):lower():match("^([%d.]+)([bkmg]?)i?b?$")
  number = tonumber(number)
  local bytes = number and math.tointeger(number * units[unit] // 1)
  if not bytes or bytes < 1 << 20 then
    return invalid('parameters.memory_limit: expected a size of 1 MiB or more, such as "256m",'
      .. " got %s", errors.show(value))
  end
  return bytes
end

local detect_budget = 200000000 -- instructions

local function detect(language, code, files)
  if not language.detect then
    return {}
  end
  local ok, words = core.bounded(detect_budget, language.detect, code, files)
  if ok and type(words) == "table" then
    return words
  end
  return nil, errors.new("internal", ("%s: detect: %s"):format(language.path, ok
    and "expected it to return a table, got " .. errors.show(words) or tostring(words)),
    "multi_code_executor")
end

-- The only file of the language among what was given.
local function only_source(language, files)
  local found = command.sources(language, nil, files)
  return #found == 1 and found[1] or nil
end

-- The names of those that came with the call, but for the main one.
local function given_of(params, main)
  local given = {}
  for name in pairs(params.files or {}) do
    local clean = given_files.clean(name)
    given[clean] = clean ~= main or nil
  end
  return given
end

-- The main file's name, and all files. `code` is one of them under that name.
local function read_files(language, params)
  local files, problem = given_files.read(params.files, "parameters.files")
  if not files then
    return invalid("%s", problem)
  end
  local main
  if params.file then
    main, problem = given_files.clean(params.file)
    if not main then
      return invalid("parameters.file: %s", problem)
    end
  end
  local words, err = detect(language, params.code or main and files[main] or "", files)
  if not words then
    return nil, err
  end
  main = main or command.fill(language.file, words)
  if not params.code and not files[main] and not params.file then
    main = only_source(language, files) or main
  end
  if params.code and files[main] then
    return invalid("parameters.files: %q is the name of parameters.code", main)
  elseif not params.code and not files[main] then
    return invalid("parameters.code: missing; expected it, or %q among files", main)
  end
  files[main] = params.code or files[main]
  for name, content in pairs(language.defaults or {}) do
    files[name] = files[name] or content
  end
  return files, nil, main, words
end

-- Mebibytes that a virtual machine may take for its heap: the run's limit, and no more than
-- leaves the sandbox room for the rest of it.
local function heap(facts, limit)
  local most = facts.memory > 0 and facts.memory * 6 // 10 or 1 << 30
  return tostring(math.max(16, math.min(limit or most, most) >> 20))
end

---@param language enclave.Language
---@param params table of the tool, valid
---@param config table of the tool
---@param facts table
---@return enclave.Job|nil
---@return enclave.Error? err
function job.read(language, params, config, facts)
  local files, err, main, words = read_files(language, params)
  local memory, folder, problem
  if not files then
    return nil, err
  end
  memory, err = read_size(params.memory_limit)
  if err then
    return nil, err
  end
  if params.folder then
    folder, problem = given_files.clean(params.folder)
    if not folder then
      return invalid("parameters.folder: %s", problem)
    end
  end
  words.file = command.as_file(main)
  words.stem = words.file:gsub("%.[^./]+$", "")
  words.sources = command.sources(language, main, files)
  words.folder = folder and facts.folder .. "/" .. folder or facts.folder
  words.heap = heap(facts, memory)
  local function at_most(seconds) -- the sandbox refuses more
    return seconds and math.min(seconds, facts.max_timeout)
  end
  local env = {}
  for name, value in pairs(language.env or {}) do
    env[name] = command.fill(value, words)
  end
  for name, value in pairs(params.env or {}) do
    env[name] = value
  end
  return { language = language, facts = facts, files = files, given = given_of(params, main),
    main = main, folder = folder, root = words.folder, words = words, env = env,
    memory_limit = memory,
    build_timeout = params.compile_timeout or config.compile_timeout
      or at_most(language.build_timeout),
    run_timeout = params.run_timeout or params.timeout or config.run_timeout
      or at_most(language.run_timeout) }
end

return job
