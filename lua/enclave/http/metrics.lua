-- The server's numbers in the text format of Prometheus.
local core = require "enclave.core"

local metrics = {}

local gauges = { "pool_size", "idle", "busy", "waiting", "creating", "resetting", "retiring" }
local bounds = { 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
  30, 60, 300 }
local help = {
  enclave_pool_wait_seconds = "What callers waited for a sandbox",
  enclave_pool_run_seconds = "What calls of tools took",
  enclave_pool_reset_seconds = "What cleaning between borrowers took",
  enclave_pool_create_seconds = "What making a sandbox took",
  process_resident_memory_bytes = "Memory of the server's process",
}

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

-- Bytes of this process.
local function memory()
  local file <close> = io.open("/proc/self/status")
  local text = file and file:read("a") or ""
  local function bytes(name)
    local kib = tonumber(text:match(name .. ":%s*(%d+) kB"))
    return kib and kib * 1024
  end
  return bytes("VmRSS"), bytes("VmSize")
end

local function number(value)
  return math.tointeger(value) or ("%.9g"):format(value)
end

-- Collects lines; all of one name stay together, under its type.
local function collector()
  local names, lines_of = {}, {}
  local function lines(name, kind)
    if not lines_of[name] then
      names[#names + 1] = name
      lines_of[name] = { ("# HELP %s %s"):format(name, help[name] or
        name:gsub("^enclave_", ""):gsub("_", " ")), ("# TYPE %s %s"):format(name, kind) }
    end
    return lines_of[name]
  end
  local function add(name, kind, labels, value)
    if type(value) == "number" then
      table.insert(lines(name, kind), ("%s%s %s"):format(name, labels, number(value)))
    end
  end
  local function add_histogram(name, of, histogram)
    local list = lines(name, "histogram")
    for i, bound in ipairs(bounds) do
      list[#list + 1] = ('%s_bucket%s,le="%.12g"} %d'):format(name, of, bound,
        histogram.at_most[i])
    end
    list[#list + 1] = ('%s_bucket%s,le="+Inf"} %d'):format(name, of, histogram.count)
    list[#list + 1] = ("%s_sum%s} %s"):format(name, of, number(histogram.sum))
    list[#list + 1] = ("%s_count%s} %d"):format(name, of, histogram.count)
  end
  return add, add_histogram, function()
    local text = {}
    for i, name in ipairs(names) do
      text[i] = table.concat(lines_of[name], "\n") .. "\n"
    end
    return table.concat(text)
  end
end

---@param server enclave.Server
---@return string
function metrics.text(server)
  local add, add_histogram, text = collector()
  local stats = server.manager:get_stats()
  local resident, all = memory()
  add("enclave_uptime_seconds", "gauge", "", core.now() - server.started)
  add("process_resident_memory_bytes", "gauge", "", resident)
  add("process_virtual_memory_bytes", "gauge", "", all)
  add("enclave_lua_memory_bytes", "gauge", "", collectgarbage("count") * 1024)
  add("enclave_http_requests_in_flight", "gauge", "", server.in_flight)
  for _, status in sorted(server.answered) do
    add("enclave_http_requests_total", "counter", ('{status="%d"}'):format(status),
      server.answered[status])
  end
  for _, status in sorted(stats.status_counts) do
    add("enclave_sandboxes", "gauge", ('{status="%s"}'):format(status), stats.status_counts[status])
  end
  for _, name in sorted(stats.pools) do
    local pool, of = stats.pools[name], "{pool=" .. label(name)
    for _, key in ipairs(gauges) do
      add("enclave_pool_" .. key, "gauge", of .. "}", pool[key])
    end
    for _, key in sorted(pool.totals or {}) do
      add("enclave_pool_" .. key .. "_total", "counter", of .. "}", pool.totals[key])
    end
    for reason, count in pairs(pool.totals and pool.totals.retired or {}) do
      add("enclave_pool_retired_total", "counter", of .. ",reason=" .. label(reason) .. "}", count)
    end
    local times = server.manager.pools[name].pool:histograms(bounds) or {}
    for _, key in sorted(times) do
      add_histogram(("enclave_pool_%s_seconds"):format(key), of, times[key])
    end
  end
  return text()
end

return metrics
