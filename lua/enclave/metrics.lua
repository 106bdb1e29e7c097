-- The server's numbers in the text format of Prometheus.
local core = require "enclave.core"

local metrics = {}

local gauges = { "pool_size", "idle", "busy", "waiting", "creating", "resetting", "retiring" }
local times = { "wait", "run", "reset", "create" }

local function label(text)
  return '"' .. tostring(text):gsub('[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" })
    .. '"'
end

local function sorted(map)
  local keys = {}
  for key in pairs(map) do
    keys[#keys + 1] = key
  end
  table.sort(keys)
  return ipairs(keys)
end

local function resident_bytes()
  local file = io.open("/proc/self/statm")
  local pages = file and tonumber(file:read("a"):match("^%d+ (%d+)"))
  if file then
    file:close()
  end
  return pages and pages * 4096
end

---@param server enclave.Server
---@return string
function metrics.text(server)
  local out, typed = {}, {}
  local function add(name, kind, labels, value)
    if type(value) ~= "number" then
      return
    elseif not typed[name] then
      typed[name] = { ("# TYPE enclave_%s %s"):format(name, kind) }
      out[#out + 1] = typed[name]
    end
    local lines = typed[name]
    lines[#lines + 1] = ("enclave_%s%s %s"):format(name, labels, math.tointeger(value)
      or ("%.9g"):format(value))
  end
  local stats = server.manager:get_stats()
  add("uptime_seconds", "gauge", "", core.now() - server.started)
  add("resident_memory_bytes", "gauge", "", resident_bytes())
  add("http_requests_in_flight", "gauge", "", server.in_flight)
  for _, status in sorted(server.answered) do
    add("http_requests_total", "counter", ('{status="%d"}'):format(status),
      server.answered[status])
  end
  for _, status in sorted(stats.status_counts) do
    add("sandboxes", "gauge", ('{status="%s"}'):format(status), stats.status_counts[status])
  end
  for _, name in sorted(stats.pools) do
    local pool, of = stats.pools[name], "{pool=" .. label(name)
    for _, key in ipairs(gauges) do
      add("pool_" .. key, "gauge", of .. "}", pool[key])
    end
    for _, key in sorted(pool.totals or {}) do
      add("pool_" .. key .. "_total", "counter", of .. "}", pool.totals[key])
    end
    for _, key in ipairs(times) do
      local histogram = pool[key] or {}
      for field, quantile in pairs({ p50 = "0.5", p90 = "0.9", p99 = "0.99" }) do
        add(("pool_%s_seconds"):format(key), "summary",
          ('%s,quantile="%s"}'):format(of, quantile), histogram[field])
      end
      add(("pool_%s_calls"):format(key), "counter", of .. "}", histogram.count)
    end
  end
  local text = {}
  for i, lines in ipairs(out) do
    text[i] = table.concat(lines, "\n") .. "\n"
  end
  return table.concat(text)
end

return metrics
