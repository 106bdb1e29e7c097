-- Globs as tests of paths: * and ? stay within a folder, ** does not, [a-z] and [!a] are sets.
-- Neither a hostile pattern nor a hostile name takes long: there are two places to go back to, the
-- last * and the last **.
local glob = {}

local slash = ("/"):byte()

---@param text string
---@return boolean # it has * ? [ in it
function glob.is_one(text)
  return text:find("[*?[]") ~= nil
end

-- A set that begins at `at`, as a pattern of Lua, and where it ends; nil when it has no end.
local function set_at(text, at)
  local mark, body = text:match("^%[([!^]?)(%]?[^%]]*)%]", at)
  if not body then
    return nil
  end
  local inside = body:gsub("[%%%]%[^]", "%%%0")
  return "^[" .. (mark ~= "" and "^" or "") .. inside .. "]", at + #mark + #body + 2
end

-- Tokens: a byte, "*", "**", "**/", "?", or { set }.
local function tokens_of(text)
  local list, at = {}, 1
  while at <= #text do
    local token, after = text:match("^(%*%*/)()", at)
    if not token then
      token, after = text:match("^(%*%*)()", at)
    end
    if not token then
      token, after = text:match("^([*?])()", at)
    end
    if not token and text:sub(at, at) == "[" then
      local set
      set, after = set_at(text, at)
      token = set and { set }
    end
    list[#list + 1] = token or text:byte(at)
    at = token and after or at + 1
  end
  return list
end

-- Whether one byte fits; the byte after what was taken.
local function step(token, path, i)
  local byte = path:byte(i)
  if token == byte then
    return i + 1
  elseif byte == slash or type(token) == "number" or token == nil then
    return nil
  elseif token == "?" then
    return path:match("^[\x80-\xbf]*()", i + 1)
  elseif type(token) == "table" then
    return path:find(token[1], i) and i + 1
  end
end

local function matches(tokens, path)
  local i, j = 1, 1
  local star, star_at, all, all_at -- tokens to go back to, and how far they reach
  while i <= #path do
    local token = tokens[j]
    local after = step(token, path, i)
    if token == "*" then
      star, star_at, j = j, i, j + 1
    elseif token == "**" or token == "**/" then
      all, all_at, star, j = j, i, nil, j + 1
    elseif after then
      i, j = after, j + 1
    elseif star and path:byte(star_at) ~= slash then
      star_at = star_at + 1
      i, j = star_at, star + 1
    elseif all then
      all_at = tokens[all] == "**" and all_at + 1 or path:match("^[^/]*/()", all_at)
      if not all_at then
        return false
      end
      star, i, j = nil, all_at, all + 1
    else
      return false
    end
  end
  while tokens[j] == "*" or tokens[j] == "**" do
    j = j + 1
  end
  return j > #tokens
end

---@param text string a glob
---@return fun(path: string): boolean
function glob.matcher(text)
  local tokens = tokens_of(text)
  return function(path)
    return matches(tokens, path)
  end
end

return glob
