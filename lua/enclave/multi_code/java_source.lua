-- What the data files of Java's languages need to know of a source file: its package and its
-- top-level types.
local java_source = {}

-- Without comments and texts, whose contents would be taken for code.
local function strip(code)
  local out, at = {}, 1
  while true do
    local from = code:find("[/\"']", at)
    if not from then
      out[#out + 1] = code:sub(at)
      return table.concat(out)
    end
    out[#out + 1] = code:sub(at, from - 1)
    local to
    if code:find("^//", from) then
      to = (code:find("\n", from, true) or #code + 1) - 1
    elseif code:find("^/%*", from) then
      to = select(2, code:find("*/", from + 2, true)) or #code
    elseif code:find('^"""', from) then
      to = select(2, code:find('"""', from + 3, true)) or #code
    elseif code:sub(from, from) == "/" then
      out[#out + 1] = "/"
      to = from
    else
      local quote = code:sub(from, from)
      to = from + 1
      while to <= #code and code:sub(to, to) ~= quote and code:sub(to, to) ~= "\n" do
        to = to + (code:sub(to, to) == "\\" and 2 or 1)
      end
    end
    at = to + 1
  end
end

local kinds = { class = true, interface = true, enum = true, record = true }

---@class enclave.JavaType
---@field name string
---@field full string with its package
---@field public boolean
---@field body string without comments and texts

-- A piece of the top level that ends at the "{" of a type's body, or nil.
local function type_of(piece, package)
  for before, word, after in piece:gmatch("()%f[%w_](%a+)%f[^%w_]()") do
    local name = kinds[word] and piece:match("^%s+([%a_$][%w_$]*)", after)
    if name then
      return { name = name, full = package and package .. "." .. name or name,
        public = piece:sub(1, before):find("%f[%w_]public%f[^%w_]") ~= nil }
    end
  end
end

---The top-level types of a file, in order.
---@param code string
---@return enclave.JavaType[]
function java_source.types(code)
  local text, list = strip(code), {}
  local package = text:match("%f[%w_]package%s+([%w_.$]+)")
  local at, depth, start, current = 1, 0, 1, nil
  while true do
    local from = text:find("[{};]", at)
    if not from then
      break
    end
    local mark = text:sub(from, from)
    if mark == "{" then
      if depth == 0 then
        current = type_of(text:sub(start, from), package)
        start = from + 1
      end
      depth = depth + 1
    elseif mark == "}" then
      depth = math.max(0, depth - 1)
      if depth == 0 and current then
        current.body = text:sub(start, from)
        list[#list + 1] = current
        current = nil
      end
    end
    if depth == 0 then
      start = from + 1
    end
    at = from + 1
  end
  return list
end

---The first type that `test` holds for.
---@param types enclave.JavaType[]
---@param test fun(one: enclave.JavaType): any
---@return enclave.JavaType|nil
function java_source.first(types, test)
  for _, one in ipairs(types) do
    if test(one) then
      return one
    end
  end
end

---Names and contents of the files with this ending, by name.
---@param files table<string, string>
---@param ending string
---@return string[]
function java_source.contents(files, ending)
  local names, list = {}, {}
  for name in pairs(files) do
    if name:sub(-#ending) == ending then
      names[#names + 1] = name
    end
  end
  table.sort(names)
  for i, name in ipairs(names) do
    list[i] = files[name]
  end
  return list
end

return java_source
