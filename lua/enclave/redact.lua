-- Keeps secrets out of what a tool gives back: texts, tables, and output that comes in pieces.

---@class enclave.Redactor
---@field pairs { value: string, mark: string }[] the longest value first
local Redactor = {}
Redactor.__index = Redactor

local redact = {}

local shortest_line = 8

-- The value as it may appear: whole, without the space around it, and line by line.
local function forms_of(value)
  local forms = { value, value:match("^%s*(.-)%s*$") }
  if value:find("\n", 1, true) then
    for line in value:gmatch("[^\r\n]+") do
      if #line >= shortest_line then
        forms[#forms + 1] = line
      end
    end
  end
  return forms
end

---@param secrets table<string, string> by name
---@return enclave.Redactor|nil # nil: there is nothing to keep out
function redact.new(secrets)
  local list = {}
  for name, value in pairs(secrets) do
    for _, form in ipairs(forms_of(value)) do
      list[#list + 1] = { value = form, mark = ("[secret %s]"):format(name) }
    end
  end
  if #list == 0 then
    return nil
  end
  table.sort(list, function(a, b)
    return #a.value > #b.value
  end)
  return setmetatable({ pairs = list }, Redactor)
end

local function replace(text, value, mark)
  local from, to = text:find(value, 1, true)
  if not from then
    return text
  end
  local out, at = {}, 1
  while from do
    out[#out + 1] = text:sub(at, from - 1)
    out[#out + 1] = mark
    at = to + 1
    from, to = text:find(value, at, true)
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out)
end

---@param text string
---@return string
function Redactor:text(text)
  for _, pair in ipairs(self.pairs) do
    text = replace(text, pair.value, pair.mark)
  end
  return text
end

---@param value any
---@return any # a copy of a table, with every string in it, keys too
function Redactor:value(value)
  if type(value) == "string" then
    return self:text(value)
  elseif type(value) ~= "table" then
    return value
  end
  local copy = setmetatable({}, getmetatable(value))
  for key, member in pairs(value) do
    copy[self:value(key)] = self:value(member)
  end
  return copy
end

-- How many bytes at the end may be the beginning of a secret.
function Redactor:open_end(text)
  local longest = 0
  for _, pair in ipairs(self.pairs) do
    for length = math.min(#pair.value - 1, #text), longest + 1, -1 do
      if text:sub(-length) == pair.value:sub(1, length) then
        longest = length
        break
      end
    end
  end
  return longest
end

---For output in pieces: a secret that is split between two is found too.
---@param write fun(bytes: string) gets what is free of secrets
---@return fun(bytes?: string) # takes a piece; nil: it was the last
function Redactor:stream(write)
  local kept = ""
  return function(bytes)
    local text = self:text(kept .. (bytes or ""))
    local open = bytes and self:open_end(text) or 0
    kept = text:sub(#text - open + 1)
    if #text > open then
      write(text:sub(1, #text - open))
    end
  end
end

return redact
