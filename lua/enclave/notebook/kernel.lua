-- One kernel of a notebook: a program that keeps a namespace, and the cells that are run in it, one
-- after another. No network and no port: requests go to its standard input, frames come between the
-- text of its output.
local core = require "enclave.core"
local errors = require "enclave.errors"
local json = require "enclave.json"
local program = require "enclave.notebook.program"

---@class enclave.Kernel
---@field shell? "ipython"|"python"
---@field timeout number seconds, of a cell that nobody gave a time
local Kernel = {}
Kernel.__index = Kernel

local kernel = {}

local start_limit = 60  -- seconds until it has to be ready
local grace = 3         -- seconds that an interrupt has
local largest_frame = 32 * 1024 * 1024
local longest_number = 20 -- bytes behind a mark

local function random_token()
  local file = assert(io.open("/dev/urandom", "rb"))
  local bytes = file:read(16)
  file:close()
  return (bytes:gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
end

---@param sandbox enclave.Sandbox
---@param options { python_path?: string, plain?: boolean, lifetime?: number, timeout?: number }
---@return enclave.Kernel|nil
---@return enclave.Error? err
function kernel.start(sandbox, options)
  local token = random_token()
  local stream, err = sandbox:stream{ interpreter = "python3", program = options.python_path,
    code = program, stdin_open = true, timeout = options.lifetime }
  if not stream then
    return nil, err
  end
  local self = setmetatable({ stream = stream, token = token, mark = "\0" .. token .. ":",
    pending = { stdout = { need = 0 }, stderr = { need = 0 } }, next_id = 0,
    timeout = options.timeout or 30 }, Kernel)
  local fine
  local words = {} -- what it says when it cannot start
  fine, err = stream:write(json.encode({ token = token, plain = options.plain }) .. "\n")
  if fine then
    fine, err = self:read_until(start_limit, { frame = function(_, frame)
      self.shell = frame.shell
      return frame.type == "ready"
    end, text = function(_, _, text)
      words[#words + 1] = #words < 5 and text:sub(1, 1000) or nil
    end })
  end
  if not fine then
    self:close()
    return nil, err.code == "internal" and errors.new("internal", ("%s could not be started as a"
      .. " kernel: %s"):format(options.python_path, table.concat(words)), "notebook") or err
  end
  stream:loaded()
  return self
end

-- How much of a text can be told apart: not what may be the beginning of a mark.
local function safe_length(text, mark)
  for length = math.min(#mark - 1, #text), 1, -1 do
    if text:sub(-length) == mark:sub(1, length) then
      return #text - length
    end
  end
  return #text
end

-- Takes apart what came on one stream: text to listener.text, frames to listener.frame, marks on
-- stderr to listener.mark. Gives whether the listener has all that it waits for.
local function take(self, name, bytes, listener)
  local pending = self.pending[name]
  pending[#pending + 1] = bytes
  pending.need = pending.need - #bytes
  if pending.need > 0 then -- the rest of a large frame is still to come
    return false
  end
  local text, done = table.concat(pending), false
  self.pending[name] = { need = 0 }
  pending = self.pending[name]
  while not done do
    local from, to, number = text:find(self.mark .. "(%d+)\n")
    if not from then
      local at = text:find(self.mark, 1, true)
      if at and #text - at >= #self.mark + longest_number then -- it would be kept for ever
        return nil, errors.new("protocol", "the kernel sent a mark without its number", "notebook")
      end
      local safe = at and at - 1 or safe_length(text, self.mark)
      if safe > 0 and listener.text then
        listener:text(name, text:sub(1, safe))
      end
      text = text:sub(safe + 1)
      break
    end
    local length = name == "stdout" and math.tointeger(tonumber(number)) or 0
    if not length or length > largest_frame then
      return nil, errors.new("protocol", "the kernel sent a frame that is too large", "notebook")
    end
    if from > 1 and listener.text then
      listener:text(name, text:sub(1, from - 1))
    end
    if #text < to + length then
      pending.need = to + length - #text
      text = text:sub(from)
      break
    end
    local value = name == "stdout" and json.decode(text:sub(to + 1, to + length))
    text = text:sub(to + length + 1)
    if name == "stderr" then
      done = listener.marked and listener:marked(tonumber(number))
    elseif type(value) == "table" then
      done = listener:frame(value)
    end
  end
  pending[1] = text
  return done or false
end

-- Reads until the listener is content. nil, err: it ended, or time is up.
function Kernel:read_until(seconds, listener)
  local late = false
  local clock = core.spawn(function()
    if core.sleep(seconds) then
      late = true
      self.stream:cancel()
    end
  end)
  local _ <close> = clock
  while true do
    local name, bytes = self.stream:read()
    if not name then
      self.dead = true
      if errors.is(bytes) and bytes.code == "cancelled" then
        self.dead = nil
        return nil, bytes
      end
      return nil, errors.new(late and "timeout" or "internal", late
        and "the kernel did not answer in time" or "the kernel ended", "notebook")
    end
    local done, err = take(self, name, bytes, listener)
    if done == nil then
      self:close()
      return nil, err
    elseif done then
      return true
    end
  end
end

function Kernel:send(request)
  return self.stream:write(json.encode(request) .. "\n")
end

-- One cell; the kernel is this task's alone.
function Kernel:run_cell(code, timeout, listener)
  self.next_id = self.next_id + 1
  local id, begun, text_done, frames_done, late = self.next_id, false, false, false, false
  local inner = {
    text = function(_, name, text)
      if begun then
        listener:text(name, text)
      end
    end,
    frame = function(_, frame)
      if frame.id ~= id then
        return false
      elseif frame.type == "begin" then
        begun = true
      elseif frame.type == "done" then
        frames_done, listener.ok, listener.count = true, frame.ok, frame.count
      else
        listener:frame(frame)
      end
      return frames_done and text_done
    end,
    marked = function(_, number)
      self.marks = number == id and (self.marks or 0) + 1 or self.marks
      text_done = number == id and self.marks == 2
      return frames_done and text_done
    end,
  }
  self.marks = 0
  local fine, err = self:send({ op = "run", id = id, code = code })
  if not fine then
    self.dead = true
    return nil, err
  end
  local alarm = core.spawn(function()
    if core.sleep(timeout) then
      late = true
      self:send({ op = "interrupt", id = id })
    end
  end)
  local _ <close> = alarm
  fine, err = self:read_until(timeout + grace, inner)
  if not fine and err.code == "cancelled" then -- the next cell does not wait for this one's end
    core.spawn(self.send, self, { op = "interrupt", id = id })
  end
  listener.late = late
  return fine, err
end

-- Waits for the cells before this one. A cell that gave up its place ended while others before it
-- were still to come: those are waited for as well.
local function wait_for_turn(turn)
  local before = turn.before
  while before do
    local joined, err = before.task:join()
    if not joined and before.task:status() == "running" then
      return nil, err -- it is we who were cancelled
    end
    before = before.before
  end
  turn.before = nil
  return true
end

---Runs a cell after those that were given before it. Waits. After its time the cell is
---interrupted; one that does not react ends the kernel.
---@param code string
---@param timeout number seconds
---@param listener table text(self, stream, bytes), frame(self, frame); gets ok, count, late
---@return true|nil
---@return enclave.Error? err the kernel is dead, or the task was cancelled
function Kernel:execute(code, timeout, listener)
  local turn = { before = self.last }
  turn.task = core.spawn(function()
    local fine, err = wait_for_turn(turn)
    if not fine then
      return nil, err
    elseif self.dead then
      return nil, errors.new("closed", "the kernel has ended", "notebook")
    end
    return self:run_cell(code, timeout, listener)
  end)
  self.last = turn
  local task <close> = turn.task
  local joined, fine, err = task:join()
  if not joined then
    return nil, fine
  end
  return fine, err
end

---Ends it. Idempotent.
function Kernel:close()
  self.dead = true
  self.stream:cancel()
end

Kernel.__close = Kernel.close

return kernel
