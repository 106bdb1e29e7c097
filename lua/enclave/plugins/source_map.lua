-- On which line of a Lua file the fields of the table stand that it returns: for messages.
-- Works on the tokens alone, so it knows constructors, and locals that hold one.
local source_map = {}

local opens = { ["{"] = true, ["("] = true, ["["] = true, ["function"] = true, ["if"] = true,
  ["do"] = true, ["repeat"] = true }
local closes = { ["}"] = true, [")"] = true, ["]"] = true, ["end"] = true, ["until"] = true }

-- The end of a long bracket that begins at `at`, or nil.
local function long_end(text, at)
  local level = text:match("^%[(=*)%[", at)
  if level then
    local _, last = text:find("]" .. level .. "]", at, true)
    return last or #text
  end
end

local function string_end(text, at)
  local quote, i = text:sub(at, at), at + 1
  while i <= #text and text:sub(i, i) ~= quote do
    i = i + (text:sub(i, i) == "\\" and 2 or 1)
  end
  return i
end

-- One token: its last position, its kind ("name", "string", "comment" or itself).
local function token_at(text, at)
  local _, last = text:find("^[%a_][%w_]*", at)
  if last then
    local word = text:sub(at, last)
    return last, (opens[word] or closes[word] or word == "return") and word or "name"
  elseif text:find("^%-%-", at) then
    return long_end(text, at + 2) or (text:find("\n", at, true) or #text + 1) - 1, "comment"
  elseif text:find("^%[=*%[", at) then
    return long_end(text, at), "string"
  elseif text:find("^[\"']", at) then
    return string_end(text, at), "string"
  elseif text:find("^[=~<>]=", at) then
    return at + 1, "compare"
  end
  _, last = text:find("^%d[%w.]*", at)
  return last or at, last and "number" or text:sub(at, at)
end

local function tokens_of(text)
  local list, line, at = {}, 1, 1
  while true do
    local from = text:find("%S", at)
    if not from then
      return list
    end
    local _, breaks = text:sub(at, from - 1):gsub("\n", "")
    line = line + breaks
    local last, kind = token_at(text, from)
    local piece = text:sub(from, last)
    if kind ~= "comment" then
      list[#list + 1] = { kind = kind, text = piece, line = line }
    end
    _, breaks = piece:gsub("\n", "")
    line, at = line + breaks, last + 1
  end
end

-- The token after the one that ends what begins at i, or where a "," or ";" of this level is.
local function value_end(tokens, i)
  local depth = 0
  while tokens[i] do
    local kind = tokens[i].kind
    if depth == 0 and (kind == "," or kind == ";" or closes[kind]) then
      return i
    end
    depth = depth + (opens[kind] and 1 or closes[kind] and -1 or 0)
    i = i + 1
  end
  return i
end

local read_table -- forward

-- What stands at i as a value: the fields in it go to `lines`.
local function read_value(tokens, i, path, lines, locals, depth)
  local kind = tokens[i] and tokens[i].kind
  if kind == "{" then
    read_table(tokens, i, path, lines, locals, depth)
  elseif kind == "name" and locals[tokens[i].text] and depth < 20 then
    read_table(tokens, locals[tokens[i].text], path, lines, locals, depth + 1)
  end
end

function read_table(tokens, i, path, lines, locals, depth)
  local index = 0
  i = i + 1
  while tokens[i] and tokens[i].kind ~= "}" do
    local here, line, key = tokens[i], tokens[i].line
    if here.kind == "name" and tokens[i + 1] and tokens[i + 1].kind == "=" then
      key, i = "." .. here.text, i + 2
    elseif here.kind == "[" and tokens[i + 3] and tokens[i + 3].kind == "=" then
      key, i = "." .. tokens[i + 1].text:gsub("^['\"](.*)['\"]$", "%1"), i + 4
    else
      index = index + 1
      key = ("[%d]"):format(index)
    end
    local at = (path .. key):gsub("^%.", "")
    lines[at] = line
    read_value(tokens, i, at, lines, locals, depth)
    i = value_end(tokens, i)
    if tokens[i] and closes[tokens[i].kind] then
      return
    end
    i = i + 1
  end
end

---@param text string
---@return fun(at: string): integer|nil # the line of a field, or of the nearest one around it
function source_map.of(text)
  local tokens, locals, start, depth = tokens_of(text), {}, nil, 0
  for i, token in ipairs(tokens) do
    local before, name = tokens[i - 1], tokens[i - 2]
    if token.kind == "{" and depth == 0 and before and before.kind == "return" then
      start = i
    elseif token.kind == "{" and name and name.kind == "name" and before.kind == "=" then
      locals[name.text] = i
    end
    depth = depth + (opens[token.kind] and 1 or closes[token.kind] and -1 or 0)
  end
  local lines = {}
  if start then
    lines[""] = tokens[start].line
    read_table(tokens, start, "", lines, locals, 0)
  end
  return function(at)
    while at ~= "" and not lines[at] do
      at = at:match("^(.*)[.%[]") or ""
    end
    return lines[at]
  end
end

return source_map
