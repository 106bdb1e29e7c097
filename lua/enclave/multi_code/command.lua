-- Commands of a language's data file with their words filled in.
local command = {}

local function extension_of(name)
  return name:match("%.([^./]+)$")
end

---The files of a language among others, the main one first, then by name.
---@param language enclave.Language
---@param main string
---@param files table<string, string>
---@return string[]
function command.sources(language, main, files)
  local wanted, list = {}, {}
  for _, extension in ipairs(language.extensions or {}) do
    wanted[extension] = true
  end
  for name in pairs(files) do
    if name ~= main and wanted[extension_of(name)] then
      list[#list + 1] = name
    end
  end
  table.sort(list)
  table.insert(list, 1, main)
  return list
end

-- Words that a program would take for an option.
local function as_file(name)
  return name:sub(1, 1) == "-" and "./" .. name or name
end

---Fills in the words of one argument. A word that nobody knows stays as it is.
---@param text string
---@param words table<string, string>
---@return string
function command.fill(text, words)
  return (text:gsub("{([%a_]+)}", words))
end

---@param list string[]
---@param words table<string, string>
---@param sources string[]
---@param args string[] behind the command, or where it says {args}
---@return string[]
function command.expand(list, words, sources, args)
  local out, placed = {}, false
  for _, word in ipairs(list) do
    if word == "{sources}" then
      for _, name in ipairs(sources) do
        out[#out + 1] = as_file(name)
      end
    elseif word == "{args}" then
      table.move(args, 1, #args, #out + 1, out)
      placed = true
    else
      out[#out + 1] = command.fill(word, words)
    end
  end
  if not placed then
    table.move(args, 1, #args, #out + 1, out)
  end
  return out
end

return command
