-- What commands write for people: progress on a terminal, sizes, times, tables.
local core = require "enclave.core"
local errors = require "enclave.errors"

local console = {}

local function written(fine, problem)
  if not fine then
    errors.throw("stdout", "standard output: " .. problem)
  end
end

---Writes to standard output; throws when that is full. A write that fails is not told again by a
---flush behind it.
---@param ... string
function console.write(...)
  written(io.stdout:write(...))
end

function console.flush()
  written(io.stdout:flush())
end

---Calls fn with a function that shows the progress of pulls and warm-ups as one line of the
---terminal, which is clear again afterwards; with nil when standard error is no terminal.
---@param fn fun(report: nil|fun(what: string, part: string, current: integer, total: integer))
---@return any ... what fn returned
function console.with_progress(fn)
  local size = core.terminal(2)
  if not size then
    return fn()
  end
  local parts = {}
  local _ <close> = setmetatable({}, { __close = function()
    io.stderr:write(next(parts) and "\r\27[K" or "")
  end })
  return fn(function(what, part, current, total)
    parts[part] = { current, total }
    local now, all = 0, 0
    for _, amount in pairs(parts) do
      now, all = now + amount[1], all + amount[2]
    end
    local line = what
    if all > 0 then
      local share = math.min(now / all, 1)
      local full = math.floor(share * 24)
      line = ("%s [%s%s] %3.0f %%"):format(what, ("#"):rep(full), (" "):rep(24 - full),
        share * 100)
    end
    io.stderr:write("\r\27[K", line:sub(1, size.columns - 1))
  end)
end

---@param seconds number|nil
---@return string # "1.2 ms"
function console.time(seconds)
  if not seconds then
    return "-"
  elseif seconds < 0.001 then
    return ("%.0f us"):format(seconds * 1e6)
  elseif seconds < 1 then
    return ("%.3g ms"):format(seconds * 1e3)
  elseif seconds < 120 then
    return ("%.3g s"):format(seconds)
  end
  local minutes = seconds // 60
  if minutes < 120 then
    return ("%d min"):format(minutes)
  end
  return ("%d h %d min"):format(minutes // 60, minutes % 60)
end

---Rows as lines with columns that stand under each other; the first row is the head.
---@param rows string[][]
---@param left integer how many columns are aligned to the left
---@return string[]
function console.table(rows, left)
  local widths, lines = {}, {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do
      widths[i] = math.max(widths[i] or 0, utf8.len(cell) or #cell)
    end
  end
  for n, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local gap = (" "):rep(widths[i] - (utf8.len(cell) or #cell))
      cells[i] = i <= left and cell .. gap or gap .. cell
    end
    lines[n] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  return lines
end

return console
