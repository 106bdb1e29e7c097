-- enclave-lua top: what a server does, drawn anew every second; one picture when standard output
-- is no terminal.
local console = require "enclave.cli.console"
local core = require "enclave.core"
local enclave = require "enclave"
local front = require "enclave.cli.front"
local json = require "enclave.json"
local suggest = require "enclave.suggest"

local top = {
  name = "top",
  summary = "Show what a server does, live",
  description = "Shows the pools and sandboxes of a server: live on a terminal, else once.",
  options = {
    { "--url", "URL", "The server.", default = "http://127.0.0.1:8000" },
    { "--api-key", "KEY", "Its key (default $ENCLAVE_API_KEY)." },
    { "--interval", "SECONDS", "Time between two pictures.", default = "1",
      convert = front.number },
    { "--once", nil, "One picture." },
    { "--json", nil, "The server's statistics as JSON, once." },
  },
  examples = {
    { "enclave-lua top", "the server on this machine" },
    { "enclave-lua top --url http://10.0.0.5:8000 --once", "one picture of another" },
  },
}

local function calls(pool)
  return pool and pool.totals and pool.totals.returned or 0
end

---The lines of a picture.
---@param health table what GET /health answered
---@param before table|nil system_info of the picture before
---@param seconds number between the two
---@param url string
---@return string[]
function top.picture(health, before, seconds, url)
  local stats = health.system_info
  local lines = { ("Enclave %s at %s, up %s, %s"):format(health.version, url,
    console.time(health.uptime), health.healthy and "healthy" or "draining") }
  local counts = {}
  for _, status in ipairs(suggest.names(stats.status_counts)) do
    counts[#counts + 1] = ("%d %s"):format(stats.status_counts[status], status)
  end
  lines[2] = ("%d sandboxes%s%s"):format(stats.total_sandboxes, #counts > 0 and ": " or "",
    table.concat(counts, ", "))
  lines[3] = ""
  local rows = { { "POOL", "SIZE", "IDLE", "BUSY", "QUEUE", before and "CALLS/S" or "CALLS",
    "WAIT P50", "P99", "RUN P50", "P99" } }
  for _, name in ipairs(suggest.names(stats.pools)) do
    local pool = stats.pools[name]
    local wait, run = pool.wait or {}, pool.run or {}
    local made = before and ("%.1f"):format((calls(pool) - calls(before.pools[name])) / seconds)
      or ("%d"):format(calls(pool))
    local row = { name }
    for i, key in ipairs({ "pool_size", "idle", "busy", "waiting" }) do
      row[i + 1] = ("%d"):format(pool[key] or 0)
    end
    table.move({ made, console.time(wait.p50), console.time(wait.p99), console.time(run.p50),
      console.time(run.p99) }, 1, 5, 6, row)
    rows[#rows + 1] = row
  end
  if #rows == 1 then
    lines[4] = "no pools"
  else
    table.move(console.table(rows, 1), 1, #rows, #lines + 1, lines)
  end
  for i, line in ipairs(lines) do
    lines[i] = line:gsub("%c", "?") -- what a server says does not steer the terminal
  end
  return lines
end

-- Goes to the upper left, writes over what is there, clears what is left of it.
local function draw(lines, size)
  local out = { "\27[H" }
  for i = 1, math.min(#lines, size.rows - 1) do
    out[#out + 1] = lines[i]:sub(1, size.columns) .. "\27[K\n"
  end
  io.stdout:write(table.concat(out), "\27[J")
  io.stdout:flush()
end

local function live(manager, args, health)
  -- The other screen, without a cursor; back to what was there at the end.
  io.stdout:write("\27[?1049h\27[?25l")
  local _ <close> = setmetatable({}, { __close = function()
    io.stdout:write("\27[?25h\27[?1049l")
    io.stdout:flush()
  end })
  local before, at = nil, core.now()
  while true do
    local size, now = core.terminal(1), core.now()
    if not size then
      return
    end
    if health then
      draw(top.picture(health, before, now - at, args.url), size)
      before, at = health.system_info, now
    end
    assert(core.sleep(math.max(args.interval, 0.1)))
    local problem
    health, problem = manager:health()
    if not health then
      draw({ args.url .. ": " .. front.message(problem) }, size)
    end
  end
end

function top.run(args)
  local manager <close> = assert(enclave.manager({ base_url = args.url, api_key = args.api_key,
    http_timeout = 10 }))
  local health = assert(manager:health())
  if args.json then
    console.write(json.encode(health), "\n")
  elseif args.once or not core.terminal(1) then
    console.write(table.concat(top.picture(health, nil, 0, args.url), "\n"), "\n")
  else
    live(manager, args, health)
  end
end

return top
