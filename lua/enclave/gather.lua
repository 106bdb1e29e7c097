-- Runs several functions at the same time and collects what they return.
local core = require "enclave.core"
local errors = require "enclave.errors"

---@class enclave.Gathered
---@field ok boolean false: it threw, or returned nil and an error
---@field value any the first value that it returned
---@field values table all of them, with n
---@field error? enclave.Error

local function entry_of(called, ...)
  if not called then
    return { ok = false, values = { n = 0 }, error = errors.from((...), "gather") }
  end
  local value, failure = ...
  if value == nil and failure ~= nil then
    return { ok = false, values = table.pack(...), error = errors.from(failure, "gather") }
  end
  return { ok = true, value = value, values = table.pack(...) }
end

local function check(list)
  local op = "gather"
  errors.check(op, "functions", list, "table")
  for key, value in pairs(list) do
    if key == "limit" then
      if math.type(value) ~= "integer" or value < 1 then
        errors.throw(op, ("limit: expected a whole number, 1 or more, got %s"):format(
          errors.show(value)))
      end
    elseif math.type(key) ~= "integer" then
      errors.throw(op, ('unknown option "%s"; known: limit'):format(tostring(key)))
    else
      errors.check(op, ("functions[%d]"):format(key), value, "function")
    end
  end
end

---Runs the functions as tasks, at most `limit` at a time, and waits for all. The results are
---in the order of the functions, whatever the order of their ends; the second value is the
---first error among them, nil when all went well. One that fails does not stop the others.
---When the waiting task is cancelled, those still running are cancelled too and the answer is
---nil and the error.
---@param list table functions, and `limit`
---@return enclave.Gathered[]|nil
---@return enclave.Error? first
return function(list)
  check(list)
  local count, results, taken, stopped = #list, {}, 0, false
  local function work()
    while taken < count and not stopped do
      taken = taken + 1
      local index = taken
      results[index] = entry_of(xpcall(list[index], errors.traceback))
    end
  end
  local tasks = {}
  for i = 1, math.min(list.limit or count, count) do
    tasks[i] = core.spawn(work)
  end
  local _ <close> = setmetatable({}, { __close = function()
    stopped = true
    for _, task in ipairs(tasks) do
      if task:status() == "running" then
        task:cancel()
      end
    end
  end })
  for _, task in ipairs(tasks) do
    local fine, err = task:join()
    if not fine and task:status() == "running" then
      return nil, err -- it is we who were cancelled
    end
  end
  local first
  for i = 1, count do
    results[i] = results[i] or { ok = false, values = { n = 0 },
      error = errors.new("cancelled", "it was cancelled before it began", "gather") }
    first = first or results[i].error
  end
  return results, first
end
