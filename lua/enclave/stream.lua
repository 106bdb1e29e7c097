-- The output of a run, read piece by piece: callable for `for`, to be closed.

---@class enclave.Stream
---@field run enclave.Run
local Stream = {}
Stream.__index = Stream

local stream = {}

---@param run enclave.Run
---@param on_end fun() called once, when the run has ended or was given up
---@return enclave.Stream
function stream.new(run, on_end)
  return setmetatable({ run = run, on_end = on_end }, Stream)
end

local function finish(self)
  local on_end = self.on_end
  self.on_end = nil
  if on_end then
    on_end()
  end
end

---The next piece: "stdout" or "stderr", and the bytes; nil at the end. Waits.
---@return "stdout"|"stderr"|nil
---@return string?
function Stream:read()
  local name, bytes = self.run:read()
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
