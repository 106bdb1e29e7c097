-- Works on files of the sandbox: any bytes, any name. Paths are relative to the work folder or
-- absolute.
local errors = require "enclave.errors"
local operations = require "enclave.files.operations"
local restrict = require "enclave.restrict"
local search = require "enclave.files.search"

local run = { create = operations.create, read = operations.read, write = operations.write,
  append = operations.append, delete = operations.delete, list = operations.list,
  exists = operations.exists, mkdir = operations.mkdir, move = operations.move,
  copy = operations.copy, stat = operations.stat, search = search }
local largest = 1 << 53 -- that JSON's numbers tell from the next
local of_folders = { list = true, search = true }
local has_extension = { create = true, read = true, write = true, append = true, move = true,
  copy = true }

local config = restrict.config("allowed_paths", "blocked_paths", "allowed_extensions")
config.properties.max_file_size = { type = "integer", minimum = 1, maximum = 256 << 20,
  default = 67108864,
  description = "Bytes of a file that is read or written, at most" }

local function without_extensions(wanted)
  return { allowed_paths = wanted.allowed_paths, blocked_paths = wanted.blocked_paths }
end

-- What the configuration forbids.
local function forbidden(sandbox, params, path, wanted)
  local function work_folder()
    return sandbox:work_folder()
  end
  local rules = has_extension[params.operation] and wanted or without_extensions(wanted)
  local problem = restrict.path(path, rules, work_folder)
  if not problem and params.destination then
    problem = restrict.path(params.destination, rules, work_folder)
  end
  return problem
end

return {
  name = "file_operation",
  version = "1.1.0",
  api = 1,
  description = "Create, read, write, move, search and delete files of the sandbox",
  parameters = {
    type = "object",
    required = { "operation" },
    additionalProperties = false,
    properties = {
      operation = { enum = { "create", "read", "write", "append", "delete", "list", "exists",
        "mkdir", "move", "copy", "stat", "search" },
        description = "create writes an empty file unless there is content; delete takes folders"
          .. " with all that is in them, and what is not there is well deleted; move and copy"
          .. " go into the destination when that is a folder; search finds files by pattern, and"
          .. " lines in them by text" },
      path = { type = "string", minLength = 1,
        description = "Relative to the work folder, or absolute" },
      file_path = { type = "string", minLength = 1, description = "Another name of path" },
      destination = { type = "string", minLength = 1, description = "For move and copy" },
      content = { type = "string", description = "What to write or append" },
      encoding = { enum = { "utf-8", "utf8", "base64", "binary" }, default = "utf-8",
        description = "Of content, and of what read returns. utf-8: a file that is none is an"
          .. " error; binary: the bytes as they are, for callers in Lua" },
      offset = { type = "integer", minimum = 0, maximum = largest,
        description = "read: bytes to leave out first" },
      length = { type = "integer", minimum = 0, description = "read: bytes, at most" },
      first_line = { type = "integer", minimum = 1, maximum = largest,
        description = "read: from this line on" },
      last_line = { type = "integer", minimum = 1, maximum = largest,
        description = "read: to this line" },
      pattern = { type = "string", minLength = 1, maxLength = 1000,
        description = "search: glob with * ? [a-z] and **; without a slash it is about the name"
          .. " in any folder; default: all" },
      text = { type = "string", minLength = 1, maxLength = 10000,
        description = "search: text that a line has to have" },
      regex = { type = "boolean", default = false,
        description = "search: text is an extended regular expression" },
      ignore_case = { type = "boolean", default = false, description = "search: of text" },
      limit = { type = "integer", minimum = 1, maximum = 1000, default = 200,
        description = "search: matches, at most" },
    },
  },
  config = config,
  sandbox_types = { "docker", "docker_notebook" },
  warm = { "sh" },
  execute = function(sandbox, params, context)
    local path = params.path or params.file_path
    if not path and of_folders[params.operation] then
      path = "."
    elseif not path then
      return operations.failed("path: missing")
    elseif params.path and params.file_path and params.path ~= params.file_path then
      return operations.failed("path and file_path: expected one of them")
    end
    for name, value in pairs({ path = path, destination = params.destination,
      text = params.text }) do
      if value:find("\0", 1, true) then
        return nil, errors.new("invalid", name .. ": cannot have zero bytes", "file_operation")
      end
    end
    if params.encoding == "utf8" then
      params.encoding = "utf-8"
    end
    local problem = forbidden(sandbox, params, path, context.config)
    if problem then
      return operations.failed("%s", problem)
    end
    return run[params.operation](sandbox, path, params, context.config)
  end,
}
