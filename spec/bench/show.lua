-- The table for people, and the same as JSON.
local goals = require "spec.bench.goals"
local json = require "enclave.json"

local show = {}

local function number(value)
  return (value >= 100 and "%.0f" or value >= 10 and "%.1f" or "%.2f"):format(value)
end

local function summary(row, one)
  return one and ("%s (%s) %s"):format(number(one.p50), number(one.p90), row.unit) or "-"
end

local function ratio(row)
  local times = goals.times(row)
  if not times then
    return "-"
  end
  return (row.more_is_better and "%s x" or "1/%s"):format(number(times))
end

local head = { "what", "Enclave", "baseline", "what the baseline is", "ratio", "must reach",
  "aim for", "reached" }

local function cells(row)
  return { row.what, summary(row, row.figure), summary(row, row.baseline), row.against or "-",
    ratio(row), goals.text(row, row.must), goals.text(row, row.aim), goals.reached(row) }
end

local function aligned(lines)
  local widths = {}
  for _, line in ipairs(lines) do
    for i, cell in ipairs(line) do
      widths[i] = math.max(widths[i] or 0, utf8.len(cell))
    end
  end
  local texts = {}
  for n, line in ipairs(lines) do
    local padded = {}
    for i, cell in ipairs(line) do
      padded[i] = cell .. (" "):rep(widths[i] - utf8.len(cell))
    end
    texts[n] = table.concat(padded, "  "):gsub("%s+$", "")
  end
  local rule = {}
  for i, width in ipairs(widths) do
    rule[i] = ("-"):rep(width)
  end
  table.insert(texts, 2, table.concat(rule, "  "))
  return table.concat(texts, "\n")
end

---@param report table { machine, rows, seconds }
---@return string
function show.table(report)
  local machine, lines, notes = report.machine, { head }, {}
  for _, row in ipairs(report.rows) do
    table.insert(lines, cells(row))
    if row.note then
      table.insert(notes, ("%s: %s"):format(row.what, row.note))
    end
  end
  table.insert(notes, ("Medians, with the 90th percentile in brackets; each row and its baseline"
    .. " took turns in one run of %.0f s."):format(report.seconds))
  return table.concat({
    ("machine: %d cores, %s"):format(machine.cores, machine.cpu),
    ("kernel %s, Docker %s at %s, image %s"):format(machine.kernel, machine.docker,
      machine.docker_host, machine.image),
    "", aligned(lines), "", table.concat(notes, "\n"), "",
  }, "\n")
end

---@param report table
---@return string
function show.json(report)
  local rows = {}
  for i, row in ipairs(report.rows) do
    rows[i] = { key = row.key, what = row.what, unit = row.unit, figure = row.figure,
      baseline = row.baseline, against = row.against, times_better = goals.times(row),
      must = goals.text(row, row.must), aim = goals.text(row, row.aim),
      reached = goals.reached(row), note = row.note }
  end
  return json.encode({ machine = report.machine, rows = rows, seconds = report.seconds }) .. "\n"
end

return show
