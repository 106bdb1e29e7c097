-- The output of a run, read piece by piece: callable for `for`, to be closed.

---@class enclave.Stream
---@field run enclave.Run
local Stream = {}
Stream.__index = Stream

local stream = {}

-- Output goes through the redactors before it is read.
local function filter(self, redactors)
  self.pieces, self.filters = {}, {}
  for _, name in ipairs({ "stdout", "stderr" }) do
    local write = function(bytes)
      table.insert(self.pieces, { name, bytes })
    end
    local ends = {}
    for redactor in pairs(redactors) do
      write = redactor:stream(write)
      table.insert(ends, 1, write)
    end
    self.filters[name] = { write = write, ends = ends }
  end
end

---@param run enclave.Run
---@param on_end fun() called once, when the run has ended or was given up
---@param redactors? table<enclave.Redactor, any>
---@return enclave.Stream
function stream.new(run, on_end, redactors)
  local self = setmetatable({ run = run, on_end = on_end }, Stream)
  if redactors and next(redactors) then
    filter(self, redactors)
  end
  return self
end

local function finish(self)
  local on_end = self.on_end
  self.on_end = nil
  if on_end then
    on_end()
  end
end

-- The next piece of a filtered stream; what filters still hold comes at the end.
local function read_filtered(self)
  while #self.pieces == 0 and not self.drained do
    local name, bytes = self.run:read()
    if name then
      self.filters[name].write(bytes)
    else
      self.drained = true
      for _, of_stream in pairs(self.filters) do
        for _, flush in ipairs(of_stream.ends) do
          flush()
        end
      end
    end
  end
  return table.unpack(table.remove(self.pieces, 1) or {}, 1, 2)
end

---The next piece: "stdout" or "stderr", and the bytes; nil at the end. Waits.
---@return "stdout"|"stderr"|nil
---@return string?
function Stream:read()
  local name, bytes
  if self.filters then
    name, bytes = read_filtered(self)
  else
    name, bytes = self.run:read()
  end
  if not name then
    self.ended = true
  end
  return name, bytes
end

function Stream:__call()
  return self:read()
end

---@param bytes string for the program's stdin, with stdin_open
---@return true|nil
---@return enclave.Error? err
function Stream:write(bytes)
  return self.run:write(bytes)
end

---The program has read its own text: the name of that file is free for others.
function Stream:loaded()
  finish(self)
end

function Stream:close_input()
  return self.run:close_input()
end

---Waits for the end: exit code, times, counts. The output is what was read.
---@return enclave.RunResult|nil
---@return enclave.Error? err
function Stream:result()
  if not self.outcome then
    self.outcome = table.pack(self.run:wait())
    finish(self)
  end
  return table.unpack(self.outcome, 1, self.outcome.n)
end

---Ends the program. Idempotent.
function Stream:cancel()
  if not self.outcome then
    self.run:cancel()
    finish(self)
  end
end

function Stream:__close()
  if not self.ended then
    self:cancel()
  end
end

return stream
