-- Errors as the whole API shows them, and the checks of what a caller passes: a wrong type
-- or an unknown option throws; everything else is `nil, err`.
local core = require "enclave.core"
local json = require "enclave.json"
local suggest = require "enclave.suggest"

local errors = {}

---@param code string
---@param message string
---@param op? string
---@return enclave.Error
function errors.new(code, message, op)
  return core.error(code, message, op)
end

---@param value any
---@return boolean # it is an error object, made by core.error
function errors.is(value)
  local class = type(value) == "table" and getmetatable(value)
  return type(class) == "table" and rawget(class, "__name") == "enclave.Error"
end

local most_shown = 100000 -- instructions

---What a plugin threw. Its metamethods are its own: they are called, and do not go on for ever.
---@param thrown any
---@return string|nil code of an error object
---@return string text
function errors.describe(thrown)
  local fine, code, text = core.bounded(most_shown, function()
    local is_error = errors.is(thrown)
    return is_error and thrown.code or nil, tostring(is_error and thrown.message or thrown)
  end)
  if fine then
    return code, text
  end
  return nil, "an error that cannot be shown as text"
end

---An error object out of whatever was thrown: objects stay what they are.
---@param thrown any
---@param op? string
---@return enclave.Error
function errors.from(thrown, op)
  if errors.is(thrown) then
    return thrown
  end
  return errors.new("internal", tostring(thrown), op)
end

---@param err enclave.Error
---@return string # its message without the traceback, which tells where files are
function errors.brief(err)
  return (tostring(err.message):gsub("\nstack traceback:.*", ""))
end

---The handler for xpcall: error objects pass, anything else gets a traceback.
---@param thrown any
---@return any
function errors.traceback(thrown)
  if errors.is(thrown) then
    return thrown
  end
  return debug.traceback(tostring(thrown), 2)
end

---@param op string
---@param message string
function errors.throw(op, message)
  error(errors.new("invalid", message, op), 0)
end

---A value as messages show it: `string "12q"`, `number 5`, `a table`.
---@param value any
---@return string
function errors.show(value)
  local kind = type(value)
  if kind == "string" then
    local text = #value > 60 and value:sub(1, 57) .. "..." or value
    return ("string %s"):format(('"' .. text:gsub("[%c\"\\]", function(c)
      return ("\\%d"):format(c:byte())
    end)) .. '"')
  elseif kind == "number" then
    return ("number %s"):format(value)
  elseif kind == "boolean" then
    return ("boolean %s"):format(value)
  elseif kind == "nil" then
    return "nothing"
  elseif value == json.null then
    return "null"
  end
  return "a " .. kind
end

local articles = { number = "a number", string = "a string", table = "a table",
  ["function"] = "a function", boolean = "a boolean" }

---@param kinds string "string" or "string|table"
---@return string
local function expected(kinds)
  local words = {}
  for kind in kinds:gmatch("[^|]+") do
    words[#words + 1] = articles[kind] or kind
  end
  return table.concat(words, " or ")
end

---Throws unless the value has one of the types.
---@param op string
---@param name string
---@param value any
---@param kinds string "string", "string|table|nil"
function errors.check(op, name, value, kinds)
  local kind = type(value)
  for wanted in kinds:gmatch("[^|]+") do
    if kind == wanted then
      return
    end
  end
  errors.throw(op, ("%s: expected %s, got %s"):format(name,
    expected((kinds:gsub("|nil$", ""))), errors.show(value)))
end

---Throws on an option that is not in the list or has a wrong type.
---@param op string
---@param options table|nil
---@param known table<string, string> name -> types
function errors.check_options(op, options, known)
  errors.check(op, "options", options, "table|nil")
  for name, value in pairs(options or {}) do
    local kinds = known[name]
    if not kinds then
      errors.throw(op, ("unknown option %s%s"):format(
        type(name) == "string" and ('"%s"'):format(name) or tostring(name),
        suggest.hint(name, suggest.names(known))))
    end
    errors.check(op, name, value, kinds)
  end
end

---A time to wait: nil for ever, 0 not at all. Numbers that are none are `nil, err`.
---@param op string
---@param name string
---@param value any
---@return true|nil
---@return enclave.Error? err
function errors.check_time(op, name, value)
  errors.check(op, name, value, "number|nil")
  if value and (value ~= value or value < 0) then
    return nil, errors.new("invalid",
      ("%s: expected seconds, 0 or more, got %s"):format(name, errors.show(value)), op)
  end
  return true
end

return errors
