-- The HTTP server: what it adds to a call, how fast it says that it is well, what connections
-- cost. The client is wrk, on one core with one thread; nginx answers the same bytes from a file.
local core = require "enclave.core"
local enclave = require "enclave"
local json = require "enclave.json"
local machine = require "spec.bench.machine"
local measure = require "spec.bench.measure"

local http = {}

local missing = "not measured here: the host has no %s"

local function write(path, text)
  local file <close> = assert(io.open(path, "w"))
  file:write(text)
  return path
end

-- A server of its own; a function that ends it.
local function start(folder)
  local config = write(folder .. "/config.lua", 'return { policy = { sandbox_types = { "docker",'
    .. ' "fake" } }, manager = { driver_options = { create_ms = 1 } } }')
  local log = folder .. "/log"
  local self = os.getenv("ENCLAVE_LUA") or arg[-1] or "build/enclave-lua"
  local pid = machine.output(("%s serve --port 0 --config %s >%s 2>&1 & echo $!"):format(self,
    config, log)):match("%d+")
  local url
  for _ = 1, 500 do
    url = machine.read(log):match("listening on (%S+)")
    if url then
      break
    end
    core.sleep(0.02)
  end
  return assert(url, machine.read(log)), pid
end

-- A script for wrk that posts this body.
local function posting(folder, body)
  return write(folder .. "/post.lua", ('wrk.method = "POST"\nwrk.body = %q\n'
    .. 'wrk.headers["Content-Type"] = "application/json"'):format(body))
end

-- What wrk says: requests a second, and the median and 99th percentile in milliseconds.
local function wrk(folder, url, connections, seconds, body)
  local script = body and "-s " .. posting(folder, body) or ""
  local text = assert(machine.output(("wrk -t1 -c%d -d%ds --latency %s '%s'"):format(connections,
    seconds, script, url)), "wrk failed")
  local units = { us = 1e-3, ms = 1, s = 1e3 }
  local function latency(part)
    local value, unit = text:match("%s" .. part .. "%%%s+([%d.]+)(%a+)")
    return tonumber(value) * units[unit]
  end
  assert(not text:find("Non-2xx", 1, true), text)
  return tonumber(text:match("Requests/sec:%s+([%d.]+)")), latency("50"), latency("99")
end

-- nginx with one worker and one file; its address, and its process.
local function nginx(folder, bytes)
  write(folder .. "/health", bytes)
  local probe = assert(core.httpd{ port = 0, handler = function() end })
  local port = probe:port()
  probe:close()
  local config = write(folder .. "/nginx.conf", ([[
    worker_processes 1; daemon off; pid %s/nginx.pid; error_log /dev/null; user root;
    events { worker_connections 512; }
    http { access_log off; client_body_temp_path %s; proxy_temp_path %s; fastcgi_temp_path %s;
      uwsgi_temp_path %s; scgi_temp_path %s; keepalive_requests 1000000000;
      server { listen 127.0.0.1:%d; root %s; } }]]):format(folder, folder, folder, folder, folder,
    folder, port, folder))
  local pid = machine.output(("nginx -c %s >%s/nginx.log 2>&1 & echo $!"):format(config, folder))
    :match("%d+")
  core.sleep(0.3)
  return ("http://127.0.0.1:%d/health"):format(port), pid
end

local function ms(seconds)
  return { p50 = seconds.p50 * 1e3, p90 = seconds.p90 * 1e3, n = seconds.n }
end

-- One call at a time, in turn: in this process, and by HTTP.
local function call(rows, options, folder, url)
  local manager <close> = assert(enclave.manager())
  local config = { image = options.image, tools_config = { "shell_executor" } }
  assert(manager:initialize_pool{ pool_size = 2, config = config })
  local remote = assert(enclave.manager{ base_url = url })
  assert(remote:initialize_pool{ name = "bench", pool_size = 2, config = config })
  local path = url .. "/pool/execute?tool_name=shell_executor&pool=bench"
  local inside, by_http, added = {}, {}, {}
  for round = 1, options.rounds > 5 and 8 or 2 do
    local samples = {}
    for i = 1, 20 * options.rounds do
      samples[i] = measure.seconds(function()
        assert(manager:execute_tool_in_pool("shell_executor", { command = "true" }))
      end)
    end
    local _, middle = wrk(folder, path, 1, options.rounds > 5 and 2 or 1,
      '{"command":"true"}')
    inside[round], by_http[round] = measure.summary(samples).p50, middle / 1e3
    added[round] = math.max(1e-6, by_http[round] - inside[round])
  end
  table.insert(rows, { key = "http_call", unit = "ms", what = "shell_executor true by HTTP",
    figure = ms(measure.summary(by_http)), baseline = ms(measure.summary(inside)),
    against = "the same call in Lua" })
  table.insert(rows, { key = "http_added", unit = "ms", what = "what HTTP adds to that call",
    figure = ms(measure.summary(added)), must = { most = 0.3 },
    note = "medians of rounds that take turns" })
end

local function health(rows, options, folder, url)
  local seconds = options.rounds > 5 and 3 or 1
  local remote = assert(enclave.manager{ base_url = url })
  assert(remote:initialize_pool{ name = "busy", pool_size = 4, sandbox_type = "fake" })
  local page, pid
  local _ <close> = setmetatable({}, { __close = function()
    os.execute(pid and "kill " .. pid or "true")
  end })
  if machine.has("nginx") then
    page, pid = nginx(folder, assert(machine.output("curl -s " .. url .. "/health")))
  end
  local busy = posting(folder, '{"command":["sleep","0.005"]}')
  local ours, theirs, late = {}, {}, {}
  for round = 1, options.bursts do
    local load = io.popen(("wrk -t1 -c8 -d%ds -s %s '%s/pool/execute?tool_name="
      .. "shell_executor&pool=busy' 2>&1"):format(seconds + 1, busy, url))
    core.sleep(0.3)
    local rate, _, slowest = wrk(folder, url .. "/health", 16, seconds)
    ours[round], late[round] = rate, slowest
    load:close()
    theirs[round] = page and wrk(folder, page, 16, seconds)
  end
  table.insert(rows, { key = "http_health", unit = "/s", more_is_better = true,
    what = "GET /health while a pool is busy", figure = measure.summary(ours),
    note = not page and missing:format("nginx") or nil,
    baseline = page and measure.summary(theirs) or nil,
    against = "nginx, the same bytes from a file" })
  table.insert(rows, { key = "http_health_late", unit = "ms", what = "its 99th percentile",
    figure = measure.summary(late), must = { most = 10 } })
end

local function connections(rows, options, url, pid)
  local count = options.rounds > 5 and 2000 or 50
  local remote = assert(enclave.manager{ base_url = url })
  assert(remote:initialize_pool{ pool_size = 4, sandbox_type = "fake" })
  local facts = json.decode(assert(machine.output(("python3 spec/http/waiting.py %s %s %d")
    :format(url, pid, count))))
  local mib = math.max(facts.kib, 1) / 1024
  table.insert(rows, { key = "http_connections", unit = "MiB",
    what = ("%d idle connections, %d waiting requests"):format(count, count),
    figure = { p50 = mib, p90 = mib, n = 1 }, must = { most = 64 },
    note = ("the middle one of those who waited had its answer after %.2f s, the last after %.2f")
      :format(facts.middle, facts.last) })
end

---@param rows table[] the rows are added to it
---@param options table
function http.measure(rows, options)
  local folder = os.tmpname()
  os.remove(folder)
  assert(os.execute("mkdir " .. folder))
  local url, pid = start(folder)
  local _ <close> = setmetatable({}, { __close = function()
    os.execute(("kill %s; while kill -0 %s; do sleep 0.05; done 2>/dev/null; rm -rf %s"):format(
      pid, pid, folder))
  end })
  connections(rows, options, url, pid)
  if machine.has("wrk") then
    call(rows, options, folder, url)
    health(rows, options, folder, url)
  else
    for _, row in ipairs({ { key = "http_call" }, { key = "http_added", must = { most = 0.3 } },
      { key = "http_health", unit = "/s" }, { key = "http_health_late", must = { most = 10 } } }) do
      row.what, row.unit, row.note = row.key, row.unit or "ms", missing:format("wrk")
      table.insert(rows, row)
    end
  end
end

return http
