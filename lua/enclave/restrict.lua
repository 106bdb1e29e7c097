-- What tools_config can forbid: modules, commands, paths, extensions. These are conveniences that
-- keep an honest caller on its way: they look at text and a program can get around them. The walls
-- are the sandbox's.
local names = require "enclave.files.names"

local restrict = {}

local strings = { type = "array", items = { type = "string", minLength = 1 } }

local function list_of(description)
  return { type = "array", items = strings.items, description = description }
end

---Schemas of the options, for a tool's `config`.
restrict.options = {
  timeout = { type = "number", exclusiveMinimum = 0,
    description = "Seconds a run may take when the call does not say; default: the sandbox's" },
  max_output_size = { description = "Bytes kept of a stream: its beginning and its end",
    anyOf = { { type = "integer", minimum = 1 }, { type = "string" } } },
  max_fetch_size = { type = "integer", minimum = 1, maximum = 256 << 20, default = 16777216,
    description = "Bytes of all fetch_files of one call together" },
  allowed_modules = list_of("Python modules that may be imported; default: all"),
  blocked_modules = list_of("Python modules that may not be imported"),
  allowed_commands = list_of("Commands that may be run; default: all"),
  blocked_commands = list_of("Commands that may not be run; with a space: text that may not occur"),
  allowed_paths = list_of("Folders and files that may be used; default: all"),
  blocked_paths = list_of("Folders and files that may not be used"),
  allowed_extensions = list_of("File extensions that may be used, such as .txt; default: all"),
}

---@param ... string names of options
---@return table # schema of a tool's configuration
function restrict.config(...)
  local properties = {}
  for _, name in ipairs({ ... }) do
    properties[name] = restrict.options[name]
  end
  return { type = "object", additionalProperties = false, properties = properties }
end

local function contains(list, test)
  for _, item in ipairs(list or {}) do
    if test(item) then
      return true
    end
  end
  return false
end

-- The modules that Python text imports, as far as its lines tell.
local function imports_of(code)
  local list = {}
  local function add(name)
    if name then
      list[#list + 1] = name
    end
  end
  for line in code:gsub("#[^\n]*", ""):gmatch("[^\n;]+") do
    local many = line:match("^%s*import%s+(.+)") or line:match(":%s*import%s+(.+)")
    for name in (many or ""):gmatch("[^,]+") do
      add(name:match("^[%s(]*([%w_.]+)"))
    end
    add(line:match("^%s*from%s+([%w_][%w_.]*)%s+import"))
    for name in line:gmatch("import_?_?m?o?d?u?l?e?_?_?%s*%(%s*['\"]([%w_.]+)") do
      add(name)
    end
  end
  return list
end

---@param code string
---@param config table
---@return string|nil problem
function restrict.modules(code, config)
  if not config.allowed_modules and not config.blocked_modules then
    return nil
  end
  for _, module in ipairs(imports_of(code)) do
    local function covers(name)
      return module == name or module:sub(1, #name + 1) == name .. "."
    end
    if contains(config.blocked_modules, covers) then
      return ("the module %s is blocked here"):format(module)
    elseif config.allowed_modules and not contains(config.allowed_modules, covers) then
      return ("the module %s is not allowed here; allowed: %s"):format(module,
        table.concat(config.allowed_modules, ", "))
    end
  end
end

-- Words after which another command follows.
local prefixes = { ["if"] = true, ["then"] = true, ["else"] = true, ["elif"] = true, ["do"] = true,
  ["while"] = true, ["until"] = true, ["!"] = true, ["{"] = true, exec = true, eval = true,
  env = true, nohup = true, time = true, xargs = true, command = true, sudo = true }

local function base(word)
  return word:match("^.*/([^/]+)$") or word
end

-- The commands of a shell's text: the first words, quotes taken off.
local function commands_of(text)
  local list = {}
  for part in text:gsub("\\\n", " "):gmatch("[^;|&\n()`]+") do
    for word in part:gsub("['\"]", ""):gmatch("%S+") do
      if not word:find("^[%a_][%w_]*=") and not (word:find("^%-") and #list > 0)
        and word ~= "$" then
        list[#list + 1] = base(word)
        if not prefixes[base(word)] then
          break
        end
      end
    end
  end
  return list
end

---@param command string|string[]
---@param config table
---@return string|nil problem
function restrict.commands(command, config)
  if not config.allowed_commands and not config.blocked_commands then
    return nil
  end
  local is_list = type(command) == "table"
  local text = is_list and table.concat(command, " ") or command
  for _, blocked in ipairs(config.blocked_commands or {}) do
    local flat = text:gsub("%s+", " ")
    if blocked:find(" ", 1, true) and flat:find(blocked, 1, true) then
      return ("%s is blocked here"):format(blocked)
    end
  end
  for _, name in ipairs(is_list and { base(command[1]) } or commands_of(command)) do
    local function is(item)
      return item == name
    end
    if contains(config.blocked_commands, is) then
      return ("the command %s is blocked here"):format(name)
    elseif config.allowed_commands and not prefixes[name]
      and not contains(config.allowed_commands, is) then
      return ("the command %s is not allowed here; allowed: %s"):format(name,
        table.concat(config.allowed_commands, ", "))
    end
  end
end

---@param path string
---@param config table
---@param work_folder fun(): string
---@return string|nil problem
function restrict.path(path, config, work_folder)
  if not config.allowed_paths and not config.blocked_paths and not config.allowed_extensions then
    return nil
  end
  local folder = work_folder()
  local absolute = names.absolute(path, folder)
  local function covers(item)
    return names.within(absolute, names.absolute(item, folder))
  end
  if contains(config.blocked_paths, covers) then
    return ("%s: is blocked here"):format(path)
  elseif config.allowed_paths and not contains(config.allowed_paths, covers) then
    return ("%s: is not allowed here; allowed: %s"):format(path,
      table.concat(config.allowed_paths, ", "))
  end
  local extension = absolute:match("[^/](%.[^./]*)$") or ""
  if config.allowed_extensions and not contains(config.allowed_extensions, function(item)
    return item:gsub("^%.?", ".") == extension
  end) then
    return ("%s: the extension is not allowed here; allowed: %s"):format(path,
      table.concat(config.allowed_extensions, ", "))
  end
end

return restrict
