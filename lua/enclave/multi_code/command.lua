-- Commands of a language's data file with their words filled in.
local command = {}

local function extension_of(name)
  return name:match("%.([^./]+)$")
end

---The files of a language among others, the main one first, then by name.
---@param language enclave.Language
---@param main string|nil
---@param files table<string, string>
---@return string[]
function command.sources(language, main, files)
  local wanted, list = {}, {}
  for _, extension in ipairs(language.extensions or {}) do
    wanted[extension] = true
  end
  for name in pairs(files) do
    if name ~= main and wanted[extension_of(name)] then
      list[#list + 1] = command.as_file(name)
    end
  end
  table.sort(list)
  if main then
    table.insert(list, 1, command.as_file(main))
  end
  return list
end

---A name that no program takes for an option.
---@param name string
---@return string
function command.as_file(name)
  return name:sub(1, 1) == "-" and "./" .. name or name
end

---Fills in the words of one argument. A word that nobody knows stays as it is.
---@param text string
---@param words table<string, string|string[]>
---@return string
function command.fill(text, words)
  return (text:gsub("{([%a_]+)}", function(name)
    local word = words[name]
    return type(word) == "table" and table.concat(word, " ") or word
  end))
end

---@param list string[]
---@param words table<string, string|string[]> a list stands for several arguments
---@param args string[] behind the command, or where it says {args}
---@return string[]
function command.expand(list, words, args)
  local out, placed = {}, false
  local function add(more)
    table.move(more, 1, #more, #out + 1, out)
  end
  for _, word in ipairs(list) do
    local name = word:match("^{([%a_]+)}$")
    if name == "args" then
      add(args)
      placed = true
    elseif type(words[name]) == "table" then
      add(words[name])
    else
      out[#out + 1] = command.fill(word, words)
    end
  end
  if not placed then
    add(args)
  end
  return out
end

return command
