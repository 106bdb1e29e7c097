-- A tool call as a stream of server-sent events: stdout, stderr and progress as they come, then
-- the result; or error, when the call failed after the first of them. A client that reads slowly
-- holds the program back.
local base64 = require "enclave.base64"
local core = require "enclave.core"
local errors = require "enclave.errors"
local json = require "enclave.json"

local http_events = {}

-- Clients that know no event streams take text without a charset for Latin-1.
local headers = { ["Content-Type"] = "text/event-stream; charset=utf-8",
  ["Cache-Control"] = "no-store", ["X-Accel-Buffering"] = "no" }

-- What is at the end of a piece of output and goes on in the next: text, the beginning of a
-- character.
local function split(bytes)
  for back = 1, math.min(3, #bytes) do
    local byte = bytes:byte(-back)
    local length = byte >= 0xF0 and 4 or byte >= 0xE0 and 3 or byte >= 0xC0 and 2 or 1
    if length > back then
      return bytes:sub(1, -back - 1), bytes:sub(-back)
    elseif byte < 0x80 or length > 1 then
      break
    end
  end
  return bytes, ""
end

local function send(request, event, value)
  local fine, err = true, nil
  if not request.begun then
    fine, err = request:begin(200, headers)
  end
  if fine then
    fine, err = request.reply:write(("event: %s\ndata: %s\n\n"):format(event, json.encode(value)))
  end
  return fine, err
end

-- The function that a tool calls with its output, and one that sends what was held back.
local function writer(request, event)
  local rest = ""
  local function write(bytes)
    local fine, err
    if bytes == "" then
      return
    end
    fine, err = send(request, event, { text = bytes,
      base64 = not utf8.len(bytes) and base64.encode(bytes) or nil })
    if not fine then
      error(err, 0)
    end
  end
  return function(bytes)
    local whole
    whole, rest = split(rest .. bytes)
    write(whole)
  end, function()
    write(rest)
    rest = ""
  end
end

---Runs call with functions for its output. Without any output a failure is an ordinary answer.
---@param request enclave.Request
---@param call fun(options: enclave.Listeners): enclave.Result|nil, enclave.Error?
---@return true|nil
---@return enclave.Error? err
function http_events.run(request, call)
  local on_stdout, end_stdout = writer(request, "stdout")
  local on_stderr, end_stderr = writer(request, "stderr")
  local result, err = call({ on_stdout = on_stdout, on_stderr = on_stderr,
    on_progress = function(event)
      assert(send(request, "progress", event))
    end })
  if not result and (not request.begun or err.code == "cancelled") then
    return nil, err
  end
  end_stdout()
  end_stderr()
  if result then
    local ok, text = pcall(json.encode, request:result(result))
    if ok then
      return send(request, "result", json.ready(text))
    end
    err = errors.new("internal", ("the result of %s cannot be written: %s"):format(
      result.tool_name, tostring(text)))
  end
  if err.code == "internal" then
    core.log("error", "a stream ended: " .. tostring(err.message))
  end
  return send(request, "error", { detail = errors.brief(err), code = err.code })
end

return http_events
