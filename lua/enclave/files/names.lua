-- Names of files in a sandbox, as callers give them: which are refused, and what they mean.
local errors = require "enclave.errors"

local names = {}

---@param name any
---@return string|nil problem what is wrong with it as a name below the work folder
function names.problem(name)
  if type(name) ~= "string" or name == "" then
    return ("expected the name of a file, got %s"):format(errors.show(name))
  elseif name:find("\0", 1, true) then
    return ("%s cannot have zero bytes"):format(errors.show(name))
  elseif name:sub(1, 1) == "/" then
    return ("%s is absolute; expected a name below the work folder"):format(errors.show(name))
  end
  for part in name:gmatch("[^/]+") do
    if part == ".." then
      return ('%s has ".." in it; expected a name below the work folder'):format(
        errors.show(name))
    end
  end
  if name == "." or name:find("/%.?$") then
    return ("%s is a folder; expected the name of a file"):format(errors.show(name))
  end
end

---@param path string absolute, or relative to the folder
---@param folder string absolute
---@return string # absolute, without "." and "..", as text: links are not followed
function names.absolute(path, folder)
  if path:sub(1, 1) ~= "/" then
    path = folder .. "/" .. path
  end
  local parts = {}
  for part in path:gmatch("[^/]+") do
    if part == ".." then
      parts[#parts] = nil
    elseif part ~= "." then
      parts[#parts + 1] = part
    end
  end
  return "/" .. table.concat(parts, "/")
end

---@param path string of names.absolute
---@param folder string of names.absolute
---@return boolean # it is the folder, or below it
function names.within(path, folder)
  return folder == "/" or path == folder or path:sub(1, #folder + 1) == folder .. "/"
end

return names
