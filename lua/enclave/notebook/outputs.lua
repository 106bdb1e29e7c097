-- What a cell gave, collected as a notebook file holds it: streams, displayed data, the result, the
-- error; bounded.
local json = require "enclave.json"

---@class enclave.CellOutputs
---@field list table[] streams { output_type, name, text }, display_data and execute_result
--- { output_type, data = { [mime] = … }, … }, error { output_type, ename, evalue, traceback }
---@field truncated boolean
local Outputs = {}
Outputs.__index = Outputs

local outputs = {}

local most_rich = 16 * 1024 * 1024

---@param most_text integer bytes of all streams together
---@param listeners table<string, fun(bytes: string)> by the names of the streams
---@return enclave.CellOutputs
function outputs.new(most_text, listeners)
  return setmetatable({ listeners = listeners,
    list = {}, left = most_text, rich_left = most_rich, truncated = false,
    stdout = {}, stderr = {} }, Outputs)
end

---@param name "stdout"|"stderr"
---@param text string
function Outputs:text(name, text)
  if self.listeners[name] then
    self.listeners[name](text)
  end
  if #text > self.left then
    text, self.truncated = text:sub(1, self.left), true
  end
  if text == "" then
    return
  end
  self.left = self.left - #text
  table.insert(self[name], text)
  local last = self.list[#self.list]
  if last and last.name == name then
    table.insert(last.parts, text)
  else
    table.insert(self.list, { output_type = "stream", name = name, parts = { text } })
  end
end

local function size_of(value)
  if type(value) ~= "table" then
    return #tostring(value) + 8
  end
  local size = 8
  for key, member in pairs(value) do
    size = size + #tostring(key) + size_of(member)
  end
  return size
end

---@param frame table of the kernel
function Outputs:frame(frame)
  local size = size_of(frame)
  if size > self.rich_left or frame.type == "too_large" then
    self.truncated = true
    return
  end
  self.rich_left = self.rich_left - size
  local kind = frame.type
  if kind == "clear_output" then
    self.list, self.stdout, self.stderr = {}, {}, {}
  elseif kind == "display_data" or kind == "execute_result" then
    local data = type(frame.data) == "table" and frame.data or {}
    table.insert(self.list, { output_type = kind, data = data, metadata = frame.metadata,
      execution_count = frame.count })
    if kind == "execute_result" then
      self.result = data["text/plain"]
    end
  elseif kind == "error" then
    local lines = {}
    for i, line in ipairs(type(frame.traceback) == "table" and frame.traceback or {}) do
      lines[i] = tostring(line)
    end
    self.traceback = table.concat(lines, "\n")
    table.insert(self.list, { output_type = "error", ename = frame.ename, evalue = frame.evalue,
      traceback = json.array(lines) })
  end
end

---The list as JSON can carry it.
---@return table[]
function Outputs:finish()
  for _, output in ipairs(self.list) do
    if output.parts then
      output.text, output.parts = table.concat(output.parts), nil
    end
  end
  return json.array(self.list)
end

local function join(first, second)
  if not first or first == "" then
    return second
  elseif not second or second == "" then
    return first
  end
  return first .. (first:sub(-1) == "\n" and "" or "\n") .. second
end

---Whoever listens to stdout hears the result, too.
---@return string output what the cell wrote to stdout, and its result
---@return string|nil error what it wrote to stderr, and its traceback
function Outputs:texts()
  local written = table.concat(self.stdout)
  local output = join(written, self.result and "Result: " .. tostring(self.result)) or ""
  if self.listeners.stdout and #output > #written then
    self.listeners.stdout(output:sub(#written + 1))
  end
  local problem = join(table.concat(self.stderr), self.traceback)
  return output, problem ~= "" and problem or nil
end

return outputs
