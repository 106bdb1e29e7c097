-- Judging a program by many cases: built once and run for each, against a call for each. The
-- cache of builds is off but for the row that is about it.
local enclave = require "enclave"
local measure = require "spec.bench.measure"

local judging = {}

local program = [[
#include <algorithm>
#include <iostream>
#include <map>
#include <string>
#include <vector>
int main() {
    std::vector<int> numbers;
    for (int n; std::cin >> n;) numbers.push_back(n);
    std::sort(numbers.begin(), numbers.end());
    std::map<int, int> counts;
    for (int n : numbers) counts[n]++;
    for (auto &[n, count] : counts) std::cout << n << ' ' << count << '\n';
}
]]

local function cases_of(count)
  local cases = {}
  for i = 1, count do
    cases[i] = { stdin = ("%d 7 %d"):format(i, i), expected = i < 7
      and ("%d 2\n7 1\n"):format(i) or i == 7 and "7 3\n" or ("7 1\n%d 2\n"):format(i) }
  end
  return cases
end

local function call(manager, pool, parameters)
  parameters.language, parameters.code = "cpp", program
  local result = assert(manager:execute_tool_in_pool("multi_code_executor", parameters,
    { pool = pool }))
  if result.status ~= "success" then
    error("multi_code_executor: " .. tostring(result.error), 0)
  end
  return result
end

local function milliseconds(summary, times)
  local factor = 1e3 * (times or 1)
  return { p50 = summary.p50 * factor, p90 = summary.p90 * factor, n = summary.n }
end

local function fill(manager, name, image, settings)
  assert(manager:initialize_pool{ name = name, pool_size = 1, config = { image = image,
    tools_config = { multi_code_executor = settings } } })
end

-- nil, or why it cannot be measured.
local function lacking(manager, image)
  if not image then
    return "not measured here: ENCLAVE_LANGUAGES_IMAGE names no image with g++"
  end
  fill(manager, "plain", image, { build_cache = 0 })
  local result = assert(manager:execute_tool_in_pool("multi_code_executor",
    { language = "cpp", code = program }, { pool = "plain" }))
  return result.metadata.missing and "not measured here: " .. result.error or nil
end

---@param rows table[]
---@param options table
function judging.measure(rows, options)
  local image = os.getenv("ENCLAVE_LANGUAGES_IMAGE")
  local manager <close> = assert(enclave.manager())
  local count = options.cases
  local many = { key = "judge_cases", unit = "ms", what = ("C++ program, %d cases"):format(count),
    against = ("%d times one call, built and run"):format(count), must = { times = 10 } }
  local again = { key = "judge_again", unit = "ms", what = "C++ program, built before",
    against = "built and run" }
  rows[#rows + 1], rows[#rows + 2] = many, again
  local why = lacking(manager, image)
  if why then
    many.note, again.note = why, why
    return
  end
  fill(manager, "cached", image, {})
  local cases = cases_of(count)
  local times = measure.in_turn(options.judgings, {
    { name = "cases", fn = function()
      call(manager, "plain", { cases = cases })
    end },
    { name = "built", fn = function()
      assert(call(manager, "plain", { stdin = cases[1].stdin }).output == cases[1].expected)
    end },
    { name = "cached", times = 10, fn = function()
      call(manager, "cached", {})
    end },
  })
  many.figure, many.baseline = milliseconds(times.cases), milliseconds(times.built, count)
  again.figure, again.baseline = milliseconds(times.cached), milliseconds(times.built)
end

return judging
