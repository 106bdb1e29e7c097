-- How the server is doing.
local core = require "enclave.core"
local json = require "enclave.json"
local metrics = require "enclave.http.metrics"
local openapi = require "enclave.http.openapi"

-- Health is asked for all the time; the statistics in it may be so old.
local fresh = 0.05

-- Statistics as JSON, and how many sandboxes there are.
local function facts(server)
  local now, known = core.now(), server.known
  if not known or now - known.at > fresh then
    local stats = server.manager:get_stats()
    known = { at = now, json = json.encode(stats),
      active = stats.total_sandboxes - (stats.status_counts.stopped or 0) }
    server.known = known
  end
  return known
end

local text = { headers = { ["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8" },
  raw = true }
local ready_json = { raw = true }

return {
  name = "service", api = 1,
  routes = {
    { "GET", "/health", function(_, server)
      local known = facts(server)
      return ('{"active_sandboxes":%d,"healthy":%s,"system_info":%s,"uptime":%.3f,"version":"%s"}')
        :format(known.active, not server.draining, known.json, core.now() - server.started,
        core.version), nil, ready_json
    end, { summary = "How the server is doing", reply = { ["application/json"] = {
      type = "object", required = { "healthy", "version", "uptime", "active_sandboxes",
        "system_info" } } } } },
    { "GET", "/stats", function(_, server)
      return server.manager:get_stats()
    end, { summary = "Statistics of pools and sandboxes" } },
    { "GET", "/openapi.json", function(_, server)
      return openapi.document(server)
    end, { summary = "This description" } },
    { "GET", "/metrics", function(_, server)
      return metrics.text(server), nil, text
    end, { summary = "The numbers of the server for Prometheus", reply = { ["text/plain"] = {
      type = "string" } } } },
  },
}
