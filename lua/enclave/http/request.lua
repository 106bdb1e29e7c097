-- A request as routes see it.
local errors = require "enclave.errors"
local exact = require "enclave.exact"
local json = require "enclave.json"

---@class enclave.Request
---@field method string
---@field uri string path and query as they were sent
---@field path string[] its parts, decoded; values of placeholders are fields of the request
---@field query table<string, string>
---@field body string
---@field max_json number bytes
---@field headers table<string, string> names in lower case
---@field reply enclave.HttpReply for answers in pieces
---@field begun? boolean the answer has begun by the reply
local Request = {}
Request.__index = Request

local function invalid(message, ...)
  return nil, errors.new("invalid", message:format(...), "request")
end

---The body as a JSON object; none is an empty one, as is null.
---@return table|nil
---@return enclave.Error? err
function Request:json_object()
  local kind = self.headers["content-type"]
  if not self.body:find("%S") then
    return {}
  elseif kind and not kind:lower():find("^%s*application/[%w.+-]*json%s*;?") then
    return nil, { status = 415, code = "invalid", message = ("content type %s: expected"
      .. " application/json"):format(errors.show(kind)) }
  elseif #self.body > self.max_json then
    return nil, { status = 413, code = "invalid", message = ("the body has %d bytes of JSON;"
      .. " expected at most %d"):format(#self.body, self.max_json) }
  elseif not utf8.len(self.body) then
    return invalid("the body is not UTF-8")
  end
  local value, problem = json.decode(self.body)
  if value == json.null then
    return {}
  elseif problem or type(value) ~= "table" or not self.body:find("^%s*{") then
    return invalid("the body is not a JSON object%s", problem and ": " .. problem or "")
  end
  return value
end

---The body as a JSON object that a schema holds for.
---@param validate enclave.Validator
---@return table|nil
---@return enclave.Error? err names the field
function Request:checked(validate)
  local given, err = self:json_object()
  if not given then
    return nil, err
  end
  local checked, problem = validate(given)
  if not checked then
    return invalid("%s", problem)
  end
  return checked
end

---@param name string of the query
---@return number|nil # nil also when it is not there
---@return enclave.Error? err
function Request:number(name)
  local text = self.query[name]
  local value = text and text:find("^%d[%d.eE+-]*$") and tonumber(text)
  if text and (not value or value >= math.huge) then
    return invalid("%s: expected a number, 0 or more, got %s", name, errors.show(text))
  end
  return value and (math.tointeger(value) or value)
end

local booleans = { ["1"] = true, ["true"] = true, ["yes"] = true, ["on"] = true,
  ["0"] = false, ["false"] = false, ["no"] = false, ["off"] = false }

---@param name string of the query
---@return boolean|nil # false when it is not there; nil: it is no boolean
---@return enclave.Error? err
function Request:flag(name)
  local text = self.query[name]
  if text == nil then
    return false
  elseif booleans[text:lower()] == nil then
    return invalid("%s: expected 1 or 0, got %s", name, errors.show(text))
  end
  return booleans[text:lower()]
end

---@param name string of the query
---@return string|nil
---@return enclave.Error? err it is not there, or empty
function Request:required(name)
  local text = self.query[name]
  if not text or text == "" then
    return invalid("%s: missing in the query", name)
  end
  return text
end

---A result with the fields that are null in JSON, and what JSON would lose.
---@param result enclave.Result|nil
---@param err enclave.Error|nil
---@return table|nil
---@return enclave.Error? err
function Request.result(_, result, err)
  if not result then
    return nil, err
  end
  result.error = result.error == nil and json.null or result.error
  result.execution_time = result.execution_time or json.null
  return exact.add(result)
end

return Request
