-- Several sandboxes for one call: each part borrows one of the pool, and they run at the same
-- time. What has been done so far is told to whoever listens.
local enclave = require "enclave"

local program = [[
import random, sys
random.seed(int(sys.argv[1]))
print(sum(random.random() ** 2 + random.random() ** 2 < 1 for _ in range(int(sys.argv[2]))))
]]

return {
  name = "estimate_pi",
  version = "1.0.0",
  api = 1,
  description = "Estimate pi in several sandboxes at the same time",
  parameters = {
    type = "object",
    additionalProperties = false,
    properties = {
      parts = { type = "integer", minimum = 1, maximum = 8, default = 4,
        description = "Runs that share the work" },
      points = { type = "integer", minimum = 1, default = 10000,
        description = "Random points of each" },
    },
  },
  warm = { "python3" },
  execute = function(_, params, context)
    local done = 0
    local function part(seed)
      return function()
        local held <close> = assert(context.borrow{ timeout = 20 })
        local run = assert(held.sandbox:run{ interpreter = "python3", code = program,
          args = { tostring(seed), tostring(params.points) } })
        done = done + 1
        context.progress({ done = done, of = params.parts })
        return assert(tonumber(run.stdout), run.stderr)
      end
    end
    local parts = { limit = 4 }
    for i = 1, params.parts do
      parts[i] = part(i)
    end
    local results, err = enclave.gather(parts)
    if err then
      return nil, err
    end
    local inside = 0
    for _, entry in ipairs(results) do
      inside = inside + entry.value
    end
    return ("%.2f"):format(4 * inside / (params.parts * params.points))
  end,
}
