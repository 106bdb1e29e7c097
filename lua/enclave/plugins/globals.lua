-- Which globals a chunk of Lua uses and where, read from its bytecode (string.dump of Lua 5.4),
-- so that a mistake in a function that has not run yet is found too.
local globals = {}

local get_global, set_global = 11, 15 -- OP_GETTABUP, OP_SETTABUP
local short_string, long_string, float, integer = 4, 20, 19, 3

-- Reads one compiled function and those inside it; returns where it ends.
local Reader = {}
Reader.__index = Reader

function Reader:byte()
  local value = self.text:byte(self.at)
  self.at = self.at + 1
  return value
end

-- Seven bits a byte, the highest first; the last one is marked.
function Reader:size()
  local value = 0
  repeat
    local byte = self:byte()
    value = value << 7 | byte & 0x7f
  until byte & 0x80 ~= 0
  return value
end

function Reader:string()
  local length = self:size()
  if length == 0 then
    return nil
  end
  local value = self.text:sub(self.at, self.at + length - 2)
  self.at = self.at + length - 1
  return value
end

function Reader:constants()
  local list = {}
  for i = 0, self:size() - 1 do
    local kind = self:byte()
    if kind == short_string or kind == long_string then
      list[i] = self:string()
    elseif kind == float or kind == integer then
      self.at = self.at + 8
    end
  end
  return list
end

-- The line of each instruction: steps from one to the next, 0x80 where the whole line follows.
function Reader:lines(line)
  local count = self:size()
  local from, exact, lines = self.at, {}, {}
  self.at = from + count
  for _ = 1, self:size() do
    local pc = self:size()
    exact[pc] = self:size()
  end
  for pc = 0, count - 1 do
    local step = self.text:byte(from + pc)
    line = step == 0x80 and exact[pc] or line + (step < 0x80 and step or step - 0x100)
    lines[pc] = line
  end
  return lines
end

function Reader:body()
  self:string() -- the source
  local first = self:size()
  self:size()
  self.at = self.at + 3 -- parameters, varargs, stack
  local code = {}
  local count = self:size()
  for pc = 0, count - 1 do
    code[pc] = ("<I4"):unpack(self.text, self.at + pc * 4)
  end
  self.at = self.at + count * 4
  local constants = self:constants()
  local upvalues_size = self:size() * 3
  self.at = self.at + upvalues_size
  for _ = 1, self:size() do
    self:body()
  end
  local lines = self:lines(first)
  for _ = 1, self:size() do -- local variables
    self:string()
    self:size()
    self:size()
  end
  local upvalues = {}
  for i = 0, self:size() - 1 do
    upvalues[i] = self:string()
  end
  self:collect(code, constants, upvalues, lines)
end

function Reader:collect(code, constants, upvalues, lines)
  for pc = 0, #code do
    local word = code[pc]
    local op = word & 0x7f
    local set = op == set_global
    if set or op == get_global then
      local upvalue = set and word >> 7 & 0xff or word >> 16 & 0xff
      local name = constants[set and word >> 16 & 0xff or word >> 24 & 0xff]
      if upvalues[upvalue] == "_ENV" and name then
        self.found[#self.found + 1] = { name = name, line = lines[pc] or 0, set = set }
      end
    end
  end
end

---@param chunk function a compiled text, with its debug information
---@return { name: string, line: integer, set: boolean }[] # in the order of the lines
function globals.of(chunk)
  local text = string.dump(chunk)
  local reader = setmetatable({ text = text, at = 33, found = {} }, Reader)
  if text:sub(1, 6) ~= "\27Lua\x54\0" or not pcall(reader.body, reader) then
    return {} -- another Lua: what is wrong shows when it runs
  end
  table.sort(reader.found, function(a, b)
    if a.line ~= b.line then
      return a.line < b.line
    end
    return a.name < b.name
  end)
  return reader.found
end

return globals
