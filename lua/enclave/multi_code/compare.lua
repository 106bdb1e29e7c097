-- Whether a program wrote what was expected, and where it first did not, in a few words.
local compare = {}

local most_shown = 40 -- bytes of each side in a difference

-- Where the character begins that this byte is of.
local function character(text, at)
  for from = at, math.max(1, at - 3), -1 do
    if not text:find("^[\x80-\xbf]", from) then
      return from
    end
  end
  return at
end

-- Around a column; a mark where something was left out.
local function excerpt(text, column)
  local from = character(text, math.max(1, column - most_shown // 2))
  local to = character(text, from + most_shown) - 1
  local cut = text:sub(from, to)
  cut = cut:gsub("[%c\\\"]", function(c)
    return c == "\t" and "\\t" or c == "\r" and "\\r" or c == "\n" and "\\n"
      or c:find("[\\\"]") and "\\" .. c or ("\\x%02x"):format(c:byte())
  end)
  return ('%s"%s"%s'):format(from > 1 and "…" or "", cut,
    to < #text and "…" or "")
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

-- Without white space at the ends of lines, and empty lines at the end. The output is a stranger's:
-- the frontiers keep a pattern from looking at white space again from each of its bytes.
local function bare(text)
  return (text:gsub("%f[ \t\r][ \t\r]+\n", "\n"):gsub("%f[ \t\r\n][ \t\r\n]+$", ""))
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

-- The line that begins there, nil past the end; where the next one does.
local function line_at(text, from)
  if from > #text + 1 then
    return nil, from
  end
  local stop = text:find("\n", from, true) or #text + 1
  return text:sub(from, stop - 1), stop + 1
end

-- Of two that are not the same. Nothing has no line, unless it is the one empty line of `exact`.
local function by_lines(wanted, got, exact)
  local same = wanted:sub(1, first_difference(wanted, got) - 1)
  local _, number = same:gsub("\n", "")
  local from = (same:match("^.*()\n") or 0) + 1
  local from_wanted = (wanted ~= "" or exact) and from or 2
  local from_got = (got ~= "" or exact) and from or 2
  local a, b
  repeat
    number = number + 1
    a, from_wanted = line_at(wanted, from_wanted)
    b, from_got = line_at(got, from_got)
  until a ~= b
  return line_difference(number, a, b)
end

local function is_close(wanted, got, tolerance)
  local a, b = tonumber(wanted), tonumber(got)
  if not (a and b) then
    return false
  end
  local gap = math.abs(a - (b + 0.0)) -- as floats: integers would wrap around
  return a == b or gap < math.huge and (gap > 0 or tolerance > 0)
    and gap <= tolerance * math.max(1, math.abs(a + 0.0))
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

local function spaced(text)
  return (text:gsub("%s+", " "):gsub("^ ", ""):gsub(" $", ""))
end

local function by_tokens(expected, output, tolerance)
  if spaced(expected) == spaced(output) then
    return nil
  end
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
    return by_lines(expected, output, true)
  end
  expected, output = bare(expected), bare(output)
  return expected ~= output and by_lines(expected, output, false) or nil
end

return compare
