-- Names and contents of files as callers give them to multi_code_executor: relative, each once
-- whatever its spelling, none below a file.
local base64 = require "enclave.base64"
local errors = require "enclave.errors"
local names = require "enclave.files.names"

local given_files = {}

---@param name any
---@return string|nil clean without "." and doubled slashes
---@return string? problem names the value
function given_files.clean(name)
  local problem = names.problem(name)
  if problem then
    return nil, problem
  end
  return names.absolute(name, ""):sub(2)
end

-- A file that is a folder of another cannot be.
local function clash(files)
  for name in pairs(files) do
    local folder = name:match("^(.*)/")
    while folder do
      if files[folder] then
        return ("%s: %s needs a folder of this name"):format(errors.show(folder),
          errors.show(name))
      end
      folder = folder:match("^(.*)/")
    end
  end
end

---A string is the content, { base64 = … } bytes.
---@param given table<string, string|{ base64: string }>|nil
---@param where string for messages, "parameters.files"
---@return table<string, string>|nil files by clean name
---@return string? problem
function given_files.read(given, where)
  local files = {}
  for name, content in pairs(given or {}) do
    local clean, problem = given_files.clean(name)
    if clean and files[clean] then
      problem = ("%s: given twice"):format(errors.show(name))
    elseif clean and type(content) == "table" then
      content, problem = base64.decode(content.base64)
      problem = problem and ("%s: %s"):format(errors.show(name), problem)
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

return given_files
