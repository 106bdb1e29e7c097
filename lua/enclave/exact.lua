-- Output that is not UTF-8, on its way through JSON: there it has U+FFFD in place of what is no
-- text, and its metadata has the bytes themselves in base64, under the same name with "_base64".
local base64 = require "enclave.base64"

local exact = {}

-- Calls visit(from, names, to) for the tables of a result that have output.
local function each(result, visit)
  local metadata = result.metadata
  if type(metadata) ~= "table" then
    return
  end
  visit(result, { "output", "error" }, metadata)
  for _, name in ipairs({ "build", "run" }) do
    if type(metadata[name]) == "table" then
      visit(metadata[name], { "stdout", "stderr" }, metadata[name])
    end
  end
  for _, case in ipairs(type(metadata.cases) == "table" and metadata.cases or {}) do
    if type(case) == "table" then
      visit(case, { "stdout", "stderr" }, case)
    end
  end
end

---Adds what JSON would lose.
---@generic T: enclave.Result|any
---@param result T anything else stays as it is
---@return T
function exact.add(result)
  if type(result) == "table" then
    each(result, function(from, names, to)
      for _, name in ipairs(names) do
        local text = from[name]
        if type(text) == "string" and not utf8.len(text) then
          to[name .. "_base64"] = base64.encode(text)
        end
      end
    end)
  end
  return result
end

---Puts it back.
---@param result table that came as JSON
---@return table
function exact.take(result)
  each(result, function(to, names, from)
    for _, name in ipairs(names) do
      local key = name .. "_base64"
      if type(from[key]) == "string" then
        to[name], from[key] = base64.decode(from[key]) or to[name], nil
      end
    end
  end)
  return result
end

return exact
