-- Names of files that callers give for the work folder: relative, sub-folders welcome, no way
-- out of it.
local base64 = require "enclave.base64"
local errors = require "enclave.errors"

local file_names = {}

---@param name any
---@return string|nil clean without "." and doubled slashes
---@return string? problem names the value
function file_names.clean(name)
  local function refuse(why)
    return nil, ("%s: %s"):format(errors.show(name):gsub("^string ", ""), why)
  end
  if type(name) ~= "string" or name == "" then
    return refuse("expected the name of a file")
  elseif name:find("\0", 1, true) then
    return refuse("a name cannot have zero bytes")
  elseif name:sub(1, 1) == "/" then
    return refuse("absolute; expected a name inside the work folder")
  elseif #name > 4000 then
    return refuse("longer than 4000 bytes")
  elseif name:sub(-1) == "/" then
    return refuse("a folder; expected the name of a file")
  end
  local parts = {}
  for part in name:gmatch("[^/]+") do
    if part == ".." then
      return refuse('has ".."; expected a name inside the work folder')
    elseif #part > 255 then
      return refuse("a part of it is longer than 255 bytes")
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  if #parts == 0 then
    return refuse("expected the name of a file")
  end
  return table.concat(parts, "/")
end

-- A file that is a folder of another cannot be.
local function clash(files)
  for name in pairs(files) do
    local folder = name:match("^(.*)/")
    while folder do
      if files[folder] then
        return ("%s: %s needs a folder of this name"):format(errors.show(folder)
          :gsub("^string ", ""), errors.show(name):gsub("^string ", ""))
      end
      folder = folder:match("^(.*)/")
    end
  end
end

---Names and contents as callers give them: a string is the content, { base64 = … } bytes.
---@param given table<string, string|{ base64: string }>|nil
---@param where string for messages, "parameters.files"
---@return table<string, string>|nil files by clean name
---@return string? problem
function file_names.read(given, where)
  local files = {}
  for name, content in pairs(given or {}) do
    local clean, problem = file_names.clean(name)
    if clean and files[clean] then
      problem = ("%s: given twice"):format(errors.show(name):gsub("^string ", ""))
    elseif clean and type(content) == "table" then
      content, problem = base64.decode(content.base64)
      problem = problem and ("%s: %s"):format(errors.show(name):gsub("^string ", ""), problem)
    end
    if problem then
      return nil, ("%s: %s"):format(where, problem)
    end
    files[clean] = content
  end
  local problem = clash(files)
  if problem then
    return nil, ("%s: %s"):format(where, problem)
  end
  return files
end

return file_names
