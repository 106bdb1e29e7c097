-- JSON Schema for the parameters of tools: a schema is compiled once into closures, which
-- check a value and give back a copy with the defaults filled in.
--
-- A null for a member that is not required counts as left out, as Python clients send it.
local errors = require "enclave.errors"
local json = require "enclave.json"
local schema_check = require "enclave.schema.check"
local suggest = require "enclave.suggest"
local types = require "enclave.schema.types"

local schema = {}

-- A compiled part is a function(value): true, value  or  false, message, path.
local compile

local bounds = {
  minimum = { "number", "at least %s", function(v, n) return v >= n end },
  maximum = { "number", "at most %s", function(v, n) return v <= n end },
  exclusiveMinimum = { "number", "more than %s", function(v, n) return v > n end },
  exclusiveMaximum = { "number", "less than %s", function(v, n) return v < n end },
  minLength = { "string", "at least %s characters", function(v, n)
    return (utf8.len(v) or #v) >= n
  end },
  maxLength = { "string", "at most %s characters", function(v, n)
    return (utf8.len(v) or #v) <= n
  end },
  minItems = { "array", "at least %s items", function(v, n) return #v >= n end },
  maxItems = { "array", "at most %s items", function(v, n) return #v <= n end },
}

local function compile_type(node)
  local wanted = node.type
  if wanted == nil then
    return nil
  end
  local list = type(wanted) == "table" and wanted or { wanted }
  local phrase = types.phrase(list)
  return function(value)
    for i = 1, #list do
      local converted, fits = types.known[list[i]](value)
      if fits then
        return true, converted
      end
    end
    return false, ("expected %s, got %s"):format(phrase, errors.show(value)), ""
  end
end

local function compile_choice(node)
  local choices = node.enum
  if node.const ~= nil then
    choices = { node.const }
  end
  if choices == nil then
    return nil
  end
  local shown, names = {}, {}
  for i, choice in ipairs(choices) do
    shown[i] = type(choice) == "string" and ('"%s"'):format(choice) or tostring(choice)
    names[i] = tostring(choice)
  end
  local phrase = #shown == 1 and shown[1] or "one of " .. table.concat(shown, ", ")
  return function(value)
    for i = 1, #choices do
      if value == choices[i] then
        return true, value
      end
    end
    local near = type(value) == "string" and suggest.nearest(value, names)
    return false, ("expected %s, got %s%s"):format(phrase, errors.show(value),
      near and ('; did you mean "%s"?'):format(near) or ""), ""
  end
end

local function compile_bounds(node, parts)
  for name, bound in pairs(bounds) do
    local limit = node[name]
    if limit ~= nil then
      local kind, phrase, holds = bound[1], bound[2]:format(limit), bound[3]
      parts[#parts + 1] = function(value)
        local _, fits = types.known[kind](value)
        if fits and not holds(value, limit) then
          return false, ("expected %s, got %s"):format(phrase,
            kind == "number" and errors.show(value) or kind == "string"
            and ("%d"):format(utf8.len(value) or #value) or ("%d"):format(#value)), ""
        end
        return true, value
      end
    end
  end
end

local function compile_items(node)
  if node.items == nil then
    return nil
  end
  local check = compile(node.items)
  return function(value)
    local _, fits = types.known.array(value)
    if not fits then
      return true, value
    end
    local copy = json.is_array(value) and json.array() or {}
    for i = 1, #value do
      local ok, item, path = check(value[i])
      if not ok then
        return false, item, ("[%d]%s"):format(i, path)
      end
      copy[i] = item
    end
    return true, copy
  end
end

-- The lists of required and optional members, compiled.
local function compile_members(node)
  local properties = node.properties or {}
  local required = {}
  for _, name in ipairs(node.required or {}) do
    required[name] = true
  end
  local members = {}
  for _, name in ipairs(suggest.names(properties)) do
    local member = properties[name]
    members[#members + 1] = { name = name, path = "." .. name, required = required[name],
      check = compile(member), default = member.default,
      phrase = types.phrase(type(member.type) == "table" and member.type or { member.type }) }
    required[name] = nil
  end
  for name in pairs(required) do
    members[#members + 1] = { name = name, path = "." .. tostring(name), required = true,
      check = function(value) return true, value end, phrase = "" }
  end
  return members
end

local function copy_default(value)
  if type(value) ~= "table" then
    return value
  end
  local copy = setmetatable({}, getmetatable(value))
  for key, member in pairs(value) do
    copy[key] = copy_default(member)
  end
  return copy
end

-- One member of an object: its value goes to copy. nil, or message and path.
local function take_member(member, value, copy)
  local given = value[member.name]
  if given == json.null and not member.required and not member.check(given) then
    given = nil
  end
  if given == nil then
    if member.default ~= nil then
      copy[member.name] = copy_default(member.default)
    elseif member.required then
      return "missing" .. (member.phrase ~= "" and ", expected " .. member.phrase or ""),
        member.path
    end
    return nil
  end
  local ok, taken, path = member.check(given)
  if not ok then
    return taken, member.path .. path
  end
  copy[member.name] = taken
end

local function unknown(name, names)
  return false, "unknown" .. suggest.hint(name, names), "." .. tostring(name)
end

-- A member is missing or wrong: a name that is mistyped explains more.
local function misnamed(value, known, names, others, message, path)
  for name in next, value do
    if others == false and not known[name] and suggest.nearest(tostring(name), names) then
      return unknown(name, names)
    end
  end
  return false, message, path
end

local function compile_object(node)
  if not (node.properties or node.required or node.additionalProperties ~= nil) then
    return nil
  end
  local members = compile_members(node)
  local known = {}
  for _, member in ipairs(members) do
    known[member.name] = true
  end
  local names = suggest.names(known)
  local others = node.additionalProperties
  local check_other = type(others) == "table"
    and compile(others)
  return function(value)
    local _, fits = types.known.object(value)
    if not fits then
      return true, value
    end
    local copy = {}
    for i = 1, #members do
      local message, path = take_member(members[i], value, copy)
      if message then
        return misnamed(value, known, names, others, message, path)
      end
    end
    for name, given in next, value do
      if not known[name] then
        if others == false then
          return unknown(name, names)
        end
        local ok, taken, path = true, given, nil
        if check_other then
          ok, taken, path = check_other(given)
        end
        if not ok then
          return false, taken, "." .. name .. path
        end
        copy[name] = taken
      end
    end
    return true, copy
  end
end

local function compile_alternatives(node, keyword)
  local list = node[keyword]
  if list == nil then
    return nil
  end
  local checks, phrases, kinds = {}, {}, {}
  for i, alternative in ipairs(list) do
    checks[i], kinds[i] = compile(alternative), compile_type(alternative)
    phrases[i] = types.phrase(type(alternative.type) == "table" and alternative.type
      or { alternative.type })
  end
  local phrase = table.concat(phrases, " or ")
  return function(value)
    local hits, taken, message, path = 0, nil, nil, nil
    for i = 1, #checks do
      local ok, result, at = checks[i](value)
      if ok then
        hits, taken = hits + 1, result
        if keyword == "anyOf" then
          return true, taken
        end
      elseif not message and kinds[i] and kinds[i](value) then
        message, path = result, at -- the type fits, so this is the one that was meant
      end
    end
    if hits == 1 then
      return true, taken
    elseif hits > 1 then
      return false, "fits more than one of the alternatives", ""
    end
    return false, message or ("expected %s, got %s"):format(phrase, errors.show(value)),
      path or ""
  end
end

function compile(node)
  local parts = {}
  local function add(part)
    parts[#parts + 1] = part
  end
  add(compile_type(node))
  add(compile_choice(node))
  compile_bounds(node, parts)
  add(compile_items(node))
  add(compile_object(node))
  add(compile_alternatives(node, "anyOf"))
  add(compile_alternatives(node, "oneOf"))
  if #parts == 1 then
    return parts[1]
  end
  return function(value)
    for i = 1, #parts do
      local ok, taken, path = parts[i](value)
      if not ok then
        return false, taken, path
      end
      value = taken
    end
    return true, value
  end
end

---@alias enclave.Validator fun(value: any): any, string?

---Every problem of a schema, defaults that do not fit their own schema among them.
---@param node any
---@param name? string
---@return enclave.Problem[]
function schema.problems(node, name)
  name = name or "parameters"
  local problems = schema_check.problems(node, name)
  if #problems > 0 then
    return problems
  end
  for _, member in ipairs(suggest.names(node.properties or {})) do
    local value = node.properties[member].default
    local at = ("%s.properties.%s.default"):format(name, member)
    if value ~= nil then
      local fits, message, path = compile(node.properties[member])(value)
      if not fits then
        problems[#problems + 1] = { at = at .. path, message = message }
      end
    end
  end
  return problems
end

---Compiles a schema.
---@param node table
---@param name? string what messages call the value, default "parameters"
---@return enclave.Validator|nil validate returns the value with defaults, or nil and a message
---@return string? problem what is wrong with the schema
function schema.compile(node, name)
  name = name or "parameters"
  local problem = schema.problems(node, name)[1]
  if problem then
    return nil, ("%s: %s"):format(problem.at, problem.message)
  end
  local check = compile(node)
  return function(value)
    local fits, taken, path = check(value)
    if fits then
      return taken
    end
    return nil, ("%s%s: %s"):format(name, path, taken)
  end
end

return schema
