-- How the server is doing.
local core = require "enclave.core"
local metrics = require "enclave.metrics"

return {
  name = "service", api = 1,
  routes = {
    { "GET", "/health", function(_, server)
      local stats = server.manager:get_stats()
      local active = stats.total_sandboxes - (stats.status_counts.stopped or 0)
      return { healthy = not server.draining, version = core.version,
        uptime = core.now() - server.started, active_sandboxes = active, system_info = stats }
    end },
    { "GET", "/stats", function(_, server)
      return server.manager:get_stats()
    end },
    { "GET", "/metrics", function(_, server)
      return metrics.text(server), nil, { raw = true,
        headers = { ["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8" } }
    end },
  },
}
