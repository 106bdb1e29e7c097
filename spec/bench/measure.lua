-- Samples and what is said about them: the median and the 90th percentile.
local core = require "enclave.core"

local measure = {}

local function at(sorted, part)
  return sorted[math.max(1, math.ceil(#sorted * part))]
end

---@class bench.Summary
---@field p50 number
---@field p90 number
---@field n integer

---@param samples number[]
---@return bench.Summary
function measure.summary(samples)
  assert(#samples > 0, "nothing was measured")
  local sorted = table.move(samples, 1, #samples, 1, {})
  table.sort(sorted)
  return { p50 = at(sorted, 0.5), p90 = at(sorted, 0.9), n = #sorted }
end

---Seconds that fn takes.
---@param fn function
---@return number
function measure.seconds(fn)
  local started = core.now()
  fn()
  return core.now() - started
end

-- What a measurement leaves behind (Docker is busy for a while after an exec) must not be
-- counted into the next one.
local pause = 0.05

---Runs each way in turn, for so many rounds: whatever else the machine does meets all of them.
---A way is { name, times, fn }; times is how often it is done in a round, one after another.
---@param rounds integer
---@param ways { name: string, times?: integer, fn: function }[]
---@return table<string, bench.Summary> # in seconds
function measure.in_turn(rounds, ways)
  local samples = {}
  for _, way in ipairs(ways) do
    samples[way.name] = {}
    way.fn() -- not counted: whatever is only made on the first use
  end
  for _ = 1, rounds do
    for _, way in ipairs(ways) do
      core.sleep(pause)
      for _ = 1, way.times or 1 do
        table.insert(samples[way.name], measure.seconds(way.fn))
      end
    end
  end
  local summaries = {}
  for name, list in pairs(samples) do
    summaries[name] = measure.summary(list)
  end
  return summaries
end

return measure
