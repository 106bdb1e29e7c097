-- The nearest of some names to a mistyped one, for "did you mean".
local suggest = {}

-- Edit distance of two short words.
local function distance(a, b)
  local previous, current = {}, {}
  for j = 0, #b do
    previous[j] = j
  end
  for i = 1, #a do
    current[0] = i
    for j = 1, #b do
      local cost = a:byte(i) == b:byte(j) and 0 or 1
      current[j] = math.min(previous[j] + 1, current[j - 1] + 1, previous[j - 1] + cost)
    end
    previous, current = current, previous
  end
  return previous[#b]
end

---@param word string
---@param names string[]
---@return string|nil name the nearest one, when it is near enough to be meant
function suggest.nearest(word, names)
  if #word > 64 then
    return nil
  end
  local best, best_distance
  for _, name in ipairs(names) do
    local d = distance(word:lower(), name:lower())
    if d <= math.max(1, (#name + 2) // 3) and (not best or d < best_distance) then
      best, best_distance = name, d
    end
  end
  return best
end

---@param word any
---@param names string[]
---@return string text '; did you mean "x"?' or "; known: a, b", or "" without names
function suggest.hint(word, names)
  local near = type(word) == "string" and suggest.nearest(word, names)
  if near then
    return ('; did you mean "%s"?'):format(near)
  end
  if #names == 0 then
    return ""
  end
  return "; known: " .. table.concat(names, ", ")
end

---@param map table
---@return string[] # its string keys, sorted
function suggest.names(map)
  local names = {}
  for name in pairs(map) do
    if type(name) == "string" then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  return names
end

return suggest
