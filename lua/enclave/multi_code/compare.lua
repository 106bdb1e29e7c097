-- Whether a program wrote what was expected, and where it first did not, in a few words.
local compare = {}

local most_shown = 40 -- bytes of each side in a difference

-- Around a column; a mark where something was left out.
local function excerpt(text, column)
  local from = math.max(1, column - most_shown // 2)
  local cut = text:sub(from, from + most_shown - 1)
  cut = cut:gsub("[%c\\\"]", function(c)
    return c == "\t" and "\\t" or c == "\r" and "\\r" or c == "\n" and "\\n"
      or c:find("[\\\"]") and "\\" .. c or ("\\x%02x"):format(c:byte())
  end)
  return ('%s"%s"%s'):format(from > 1 and "…" or "", cut,
    from + most_shown - 1 < #text and "…" or "")
end

local function first_difference(a, b)
  local low, high = 1, math.min(#a, #b) + 1
  while low < high do -- the first position up to which they are not the same
    local middle = (low + high) // 2
    if a:sub(low, middle) == b:sub(low, middle) then
      low = middle + 1
    else
      high = middle
    end
  end
  return low
end

-- White space at the end of a line; by hand, as a pattern may look at it again and again.
local blank = { [9] = true, [13] = true, [32] = true }

local function right_trimmed(line)
  local last = #line
  while blank[line:byte(last)] do
    last = last - 1
  end
  return line:sub(1, last)
end

-- Plain searches only: the output is a stranger's, and patterns can take time by its square.
local function lines_of(text)
  local lines, at = {}, 1
  while true do
    local stop = text:find("\n", at, true)
    lines[#lines + 1] = text:sub(at, (stop or #text + 1) - 1)
    if not stop then
      return lines
    end
    at = stop + 1
  end
end

-- Without white space at the ends of lines, and empty lines at the end.
local function bare_lines_of(text)
  local lines = lines_of(text)
  for i = 1, #lines do
    lines[i] = right_trimmed(lines[i])
  end
  while lines[#lines] == "" do
    lines[#lines] = nil
  end
  return lines
end

local function line_difference(number, wanted, got)
  if not got then
    return ("line %d: expected %s, got the end of the output"):format(number, excerpt(wanted, 1))
  elseif not wanted then
    return ("line %d: expected the end of the output, got %s"):format(number, excerpt(got, 1))
  end
  local column = first_difference(wanted, got)
  return ("line %d, column %d: expected %s, got %s"):format(number, column,
    excerpt(wanted, column), excerpt(got, column))
end

local function by_lines(wanted, got)
  for i = 1, math.max(#wanted, #got) do
    if wanted[i] ~= got[i] then
      return line_difference(i, wanted[i], got[i])
    end
  end
end

local function is_close(wanted, got, tolerance)
  local a, b = tonumber(wanted), tonumber(got)
  if not (a and b) then
    return false
  end
  return a == b or math.abs(a - b) <= tolerance * math.max(1, math.abs(a))
end

-- Each token and the line it is on.
local function tokens(text)
  local line, at = 1, 1
  return function()
    local from, to = text:find("%S+", at)
    if not from then
      return nil
    end
    local _, breaks = text:sub(at, from):gsub("\n", "")
    line, at = line + breaks, to + 1
    return text:sub(from, to), line
  end
end

local function by_tokens(expected, output, tolerance)
  local next_wanted, next_got, number, at = tokens(expected), tokens(output), 0, 1
  while true do
    local wanted = next_wanted()
    local got, line = next_got()
    number, at = number + 1, line or at
    if not wanted and not got then
      return nil
    elseif not got then
      return ("token %d: expected %s, got the end of the output"):format(number,
        excerpt(wanted, 1))
    elseif not wanted then
      return ("token %d, line %d: expected the end of the output, got %s"):format(number, at,
        excerpt(got, 1))
    elseif wanted ~= got and not (tolerance and is_close(wanted, got, tolerance)) then
      return ("token %d, line %d: expected %s, got %s"):format(number, at, excerpt(wanted, 1),
        excerpt(got, 1))
    end
  end
end

---nil when the output is right, else where it first is not.
---@param expected string
---@param output string
---@param how "lines"|"exact"|"tokens" lines: without white space at the ends of lines and
---empty lines at the end
---@param tolerance? number for tokens that are numbers: absolute, or relative past 1
---@return string|nil difference
function compare.difference(expected, output, how, tolerance)
  if how == "tokens" or tolerance then
    return by_tokens(expected, output, tolerance)
  elseif expected == output then
    return nil
  elseif how == "exact" then
    return by_lines(lines_of(expected), lines_of(output))
  end
  return by_lines(bare_lines_of(expected), bare_lines_of(output))
end

return compare
