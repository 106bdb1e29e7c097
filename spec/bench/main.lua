-- The benchmark: what a call, a warm-up, a close and an idle sandbox cost, each next to a
-- baseline measured in the same run. It judges nothing: a slow machine has other figures.
--
--   enclave-lua spec/bench/main.lua [--quick] [--json]
--
-- DOCKER_HOST and ENCLAVE_IMAGE as everywhere. --quick: a few iterations of everything, to see
-- that it works; its figures mean little.
local root = (arg[0]:match("^(.*)spec/bench/[^/]*$") or ""):gsub("^$", "./")
package.path = ("%s?.lua;%slua/?.lua;%slua/?/init.lua;"):gsub("%%s", root) .. package.path

local calls = require "spec.bench.calls"
local core = require "enclave.core"
local http = require "spec.bench.http"
local judging = require "spec.bench.judging"
local machine = require "spec.bench.machine"
local plugins = require "spec.bench.plugins"
local pools = require "spec.bench.pools"
local show = require "spec.bench.show"

local full = { rounds = 30, callers = 64, each = 20, bursts = 4, sandboxes = 16, fillings = 4,
  batches = 30, batch = 500, cases = 50, judgings = 5 }
local quick = { rounds = 2, callers = 8, each = 2, bursts = 1, sandboxes = 4, fillings = 1,
  batches = 2, batch = 20, cases = 5, judgings = 1 }

local options, as_json = full, false
for _, argument in ipairs(arg) do
  if argument == "--quick" then
    options = quick
  elseif argument == "--json" then
    as_json = true
  else
    io.stderr:write(("unknown argument %s\nusage: main.lua [--quick] [--json]\n"):format(argument))
    os.exit(2, true)
  end
end
options.image = os.getenv("ENCLAVE_IMAGE") or "python:3.11-slim"

local rows, started = {}, core.now()
for _, part in ipairs({ calls.measure, pools.measure, pools.memory, pools.overhead,
  plugins.measure, http.measure, judging.measure }) do
  part(rows, options)
end
local report = { machine = machine.describe(options.image), rows = rows,
  seconds = core.now() - started }
io.stdout:write(as_json and show.json(report) or show.table(report))
