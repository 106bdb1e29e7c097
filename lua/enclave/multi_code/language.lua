-- Checks a language's data file. A problem names the field, the value and what was expected.
local errors = require "enclave.errors"
local suggest = require "enclave.suggest"

local definition = {}

---How a language is built and run with some set of programs.
---@class enclave.LanguageVariant
---@field programs string[] what the image must have: names on its path, or absolute paths
---@field build? string[][] commands, one after another
---@field artifacts? string[] what the build leaves and runs need; shell patterns
---@field run string[] command
---@field version? string[] command that prints it

---@class enclave.Language : enclave.LanguageVariant
---@field name string
---@field aliases string[]
---@field file string the name that `code` gets
---@field extensions? string[] of the files that {sources} stands for
---@field detect? fun(code: string, files: table<string, string>): table<string, string|string[]>
--- more words
---@field defaults? table<string, string> files that are written unless the caller gives them
---@field env? table<string, string>
---@field build_timeout? number seconds
---@field run_timeout? number
---@field variants enclave.LanguageVariant[] the first whose programs are there holds
---@field path string of the data file

local function is_list(value)
  return type(value) == "table" and (next(value) == nil or #value > 0)
end

-- Each gives nil, or the field and what was expected.
local function strings(value, name)
  if not is_list(value) then
    return name, "a list of strings", value
  end
  for i, item in ipairs(value) do
    if type(item) ~= "string" or item == "" then
      return ("%s[%d]"):format(name, i), "a string", item
    end
  end
end

local function command(value, name)
  local at, wanted, got = strings(value, name)
  if at then
    return at, wanted, got
  elseif #value == 0 then
    return name, "a program and its arguments", value
  end
end

local function commands(value, name)
  if not is_list(value) or #value == 0 then
    return name, "a command or a list of commands", value
  elseif type(value[1]) == "string" then
    return command(value, name)
  end
  for i, item in ipairs(value) do
    local at, wanted, got = command(item, ("%s[%d]"):format(name, i))
    if at then
      return at, wanted, got
    end
  end
end

local function string_map(value, name)
  if type(value) ~= "table" then
    return name, "a map of strings", value
  end
  for key, item in pairs(value) do
    if type(key) ~= "string" or type(item) ~= "string" then
      return ("%s.%s"):format(name, tostring(key)), "a string", item
    end
  end
end

local function of_type(kind, words)
  return function(value, name)
    if type(value) ~= kind or value == "" then
      return name, words, value
    end
  end
end

local function seconds(value, name)
  if type(value) ~= "number" or value ~= value or value <= 0 or value == math.huge then
    return name, "seconds, more than 0", value
  end
end

local variant_fields = { programs = strings, build = commands, artifacts = strings,
  run = command, version = command }
local fields = { name = of_type("string", "a string"), file = of_type("string", "a file name"),
  aliases = strings, extensions = strings, detect = of_type("function", "a function"),
  defaults = string_map, env = string_map, build_timeout = seconds,
  run_timeout = seconds, variants = of_type("table", "a list of tables") }
for name, check in pairs(variant_fields) do
  fields[name] = check
end

local function fault(at, message, ...)
  return { at = at, message = message:format(...) }
end

-- Adds what is wrong with each field to problems.
local function check_fields(given, known, prefix, problems)
  for key in pairs(given) do
    if type(key) ~= "string" then
      table.insert(problems, fault(prefix, "expected fields with names, got %s as one",
        errors.show(key)))
    end
  end
  for _, name in ipairs(suggest.names(given)) do
    local at, wanted, got
    if known[name] then
      at, wanted, got = known[name](given[name], prefix .. name)
    else
      table.insert(problems, fault(prefix .. name, "unknown field%s",
        suggest.hint(name, suggest.names(known))))
    end
    if at then
      table.insert(problems, fault(at, "expected %s, got %s", wanted, errors.show(got)))
    end
  end
  return problems
end

-- Placeholders that every command may have; `detect` gives more.
local words = { file = true, stem = true, folder = true, heap = true, sources = true,
  args = true }

local function check_words(list, name, more)
  for i, word in ipairs(list) do
    local at, alone = ("%s[%d]"):format(name, i), word:match("^{([%a_]+)}$")
    for found in word:gmatch("{([%a_]+)}") do
      if not words[found] and not more then
        return fault(at, "unknown word {%s}; known: %s", found,
          table.concat(suggest.names(words), ", "))
      elseif (found == "sources" or found == "args") and not alone then
        return fault(at, "{%s} stands for several arguments and must stand alone", found)
      end
    end
  end
end

local function check_variant(variant, prefix, more)
  if not variant.run then
    return fault(prefix .. "run", "missing; expected a program and its arguments")
  elseif not variant.programs or #variant.programs == 0 then
    return fault(prefix .. "programs", "missing; expected what the image must have")
  elseif variant.build and not variant.artifacts then
    return fault(prefix .. "artifacts", "missing; expected what the build leaves for the runs")
  end
  for i, each in ipairs(variant.build or {}) do
    local problem = check_words(each, ("%sbuild[%d]"):format(prefix, i), more)
    if problem then
      return problem
    end
  end
  return check_words(variant.run, prefix .. "run", more)
end

-- A variant with what it does not say taken from the file's top.
local function complete(given, variant)
  local whole = {}
  for name in pairs(variant_fields) do
    whole[name] = variant[name] == nil and given[name] or variant[name]
  end
  if whole.build and type(whole.build[1]) == "string" then
    whole.build = { whole.build }
  end
  return whole
end

local function variants_of(given)
  local list = {}
  for i, variant in ipairs(given.variants or { {} }) do
    local prefix = given.variants and ("variants[%d]."):format(i) or ""
    if type(variant) ~= "table" then
      return nil, fault(("variants[%d]"):format(i), "expected a table, got %s",
        errors.show(variant))
    end
    local problem = check_fields(variant, variant_fields, prefix, {})[1]
    if problem then
      return nil, problem
    end
    list[i] = complete(given, variant)
    problem = check_variant(list[i], prefix, given.detect)
    if problem then
      return nil, problem
    end
  end
  if #list == 0 then
    return nil, fault("variants", "expected at least one")
  end
  return list
end

local function check(given)
  local problems = {}
  for _, name in ipairs({ "name", "file" }) do
    if given[name] == nil then
      table.insert(problems, fault(name, "missing; expected a string"))
    end
  end
  check_fields(given, fields, "", problems)
  if #problems == 0 and not given.name:find("^[%w_+#.-]+$") then
    problems[1] = fault("name", "expected letters, digits, _ + # . -, got %s",
      errors.show(given.name))
  end
  return problems
end

---@param given table what the file returned
---@param path string
---@return enclave.Language|nil
---@return enclave.Problem[]? problems
function definition.read(given, path)
  local problems, variants = check(given), nil
  if #problems == 0 then
    variants, problems[1] = variants_of(given)
  end
  if #problems > 0 then
    return nil, problems
  end
  local language = {}
  for name, value in pairs(given) do
    language[name] = value
  end
  language.variants, language.path = variants, path
  language.aliases = given.aliases or {}
  return language
end

return definition
