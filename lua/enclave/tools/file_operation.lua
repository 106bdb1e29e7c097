-- Works on files of the sandbox: any bytes, any name. Paths are relative to the work folder or
-- absolute. What is not a transfer is a small sh script whose paths are arguments, so no name
-- can be taken for shell text.
local base64 = require "enclave.base64"
local errors = require "enclave.errors"

local most_entries = 1000

local function failed(message, ...)
  return { status = "error", output = "", error = message:format(...) }
end

-- A script's run; nil and what a tool returns when it did not end with a code in `allowed`.
local function script(sandbox, text, args, allowed)
  local run, err = sandbox:run{ interpreter = "sh", code = text, args = args }
  if not run then
    return nil, nil, err
  elseif run.status == "exited" and (run.exit_code == 0 or allowed and allowed[run.exit_code]) then
    return run
  end
  return nil, run
end

-- Failures of a transfer that are the path's, not the sandbox's.
local of_path = { not_found = true, invalid = true, internal = true, docker = true }

local function transfer_failed(path, err)
  if of_path[err.code] then
    local named = err.message:find(path, 1, true)
    return failed("%s", named and err.message or path .. ": " .. err.message)
  end
  return nil, err
end

local encodings = { ["utf-8"] = "utf-8", utf8 = "utf-8", base64 = "base64", binary = "binary" }

local operations = {}

function operations.write(sandbox, path, params, encoding)
  local bytes = params.content
  if not bytes then
    return failed("content: missing; write needs it")
  elseif encoding == "base64" then
    local problem
    bytes, problem = base64.decode(bytes)
    if not bytes then
      return failed("content: %s", problem)
    end
  end
  local fine, err = sandbox:put_file(path, bytes)
  if not fine then
    return transfer_failed(path, err)
  end
  return { output = "File written successfully: " .. path,
    metadata = { path = path, size = #bytes } }
end

function operations.create(sandbox, path, params, encoding)
  if not params.content then
    params = { content = "" }
  end
  return operations.write(sandbox, path, params, encoding)
end

function operations.read(sandbox, path, _, encoding)
  local bytes, err = sandbox:get_file(path)
  if not bytes then
    return transfer_failed(path, err)
  end
  local text = bytes
  if encoding == "base64" then
    text = base64.encode(bytes)
  elseif encoding == "utf-8" and not utf8.len(bytes) then
    return failed('%s: not valid UTF-8; read it with encoding "base64"', path)
  end
  return { output = text, metadata = { path = path, size = #bytes, encoding = encoding } }
end

function operations.delete(sandbox, path)
  local run, ended, err = script(sandbox, 'exec rm -rf -- "$1"', { path })
  if not run then
    return ended, err
  end
  return { output = "Successfully deleted: " .. path, metadata = { path = path } }
end

function operations.mkdir(sandbox, path)
  local run, ended, err = script(sandbox, 'exec mkdir -p -- "$1"', { path })
  if not run then
    return ended, err
  end
  return { output = "Directory created: " .. path, metadata = { path = path } }
end

local kinds = { f = "file", d = "directory", l = "link", o = "other" }

function operations.exists(sandbox, path)
  local run, ended, err = script(sandbox, [[
if [ -L "$1" ]; then printf l; elif [ -d "$1" ]; then printf d; elif [ -f "$1" ]; then printf f
elif [ -e "$1" ]; then printf o; else exit 3; fi]], { path }, { [3] = true })
  if not run then
    return ended, err
  end
  local there = run.exit_code == 0
  return { output = there and "exists" or "does not exist",
    metadata = { path = path, exists = there, type = kinds[run.stdout] } }
end

-- One letter and the name, ended by a zero byte, for each entry; ends early past the bound.
local list_script = [[
case $1 in /*) cd "$1" ;; *) cd "./$1" ;; esac 2>/dev/null || {
  printf '%s: not a folder that can be read\n' "$1" >&2; exit 1
}
n=0
for f in .[!.]* ..?* *; do
  if [ -L "$f" ]; then t=l; elif [ -d "$f" ]; then t=d; elif [ -f "$f" ]; then t=f
  elif [ -e "$f" ]; then t=o; else continue; fi
  n=$((n + 1))
  [ "$n" -le "$2" ] || { printf '+\0'; break; }
  printf '%s%s\0' "$t" "$f"
done]]

-- Sizes and times of the entries, where the image has stat.
local function add_sizes(sandbox, path, entries)
  for from = 1, #entries, 200 do
    local argv = { "stat", "-c", "%s %Y", "--" }
    for i = from, math.min(from + 199, #entries) do
      argv[#argv + 1] = path .. "/" .. entries[i].name
    end
    local run = sandbox:run{ argv = argv }
    if not (run and run.status == "exited" and run.exit_code == 0) then
      return
    end
    local i = from
    for size, mtime in run.stdout:gmatch("(%d+) (%d+)\n") do
      entries[i].size, entries[i].mtime = tonumber(size), tonumber(mtime)
      i = i + 1
    end
  end
end

function operations.list(sandbox, path)
  local run, ended, err = script(sandbox, list_script, { path, tostring(most_entries) })
  if not run then
    return ended, err
  end
  local entries, more = {}, run.truncated
  for item in run.stdout:gmatch("([^\0]+)\0") do
    if item == "+" then
      more = true
    else
      entries[#entries + 1] = { name = item:sub(2), type = kinds[item:sub(1, 1)] }
    end
  end
  table.sort(entries, function(a, b)
    return a.name < b.name
  end)
  add_sizes(sandbox, path, entries)
  local lines = {}
  for i, entry in ipairs(entries) do
    lines[i] = entry.name .. (entry.type == "directory" and "/" or "") .. "\n"
  end
  return { output = table.concat(lines), metadata = { path = path, entries = entries,
    truncated = more or false } }
end

return {
  name = "file_operation",
  version = "1.0.0",
  api = 1,
  description = "Create, read, write, delete and list files of the sandbox",
  parameters = {
    type = "object",
    required = { "operation" },
    additionalProperties = false,
    properties = {
      operation = { enum = { "create", "read", "write", "delete", "list", "exists", "mkdir" },
        description = "create writes an empty file unless there is content; delete takes folders"
          .. " with all that is in them, and what is not there is well deleted" },
      path = { type = "string", minLength = 1,
        description = "Relative to the work folder, or absolute" },
      file_path = { type = "string", minLength = 1, description = "Another name of path" },
      content = { type = "string", description = "What to write" },
      encoding = { enum = { "utf-8", "utf8", "base64", "binary" }, default = "utf-8",
        description = "Of content, and of what read returns. utf-8: a file that is none is an"
          .. " error; binary: the bytes as they are, for callers in Lua" },
    },
  },
  sandbox_types = { "docker" },
  warm = { "sh" },
  execute = function(sandbox, params)
    local path = params.path or params.file_path
    if not path and params.operation == "list" then
      path = "."
    elseif not path then
      return failed("path: missing")
    elseif params.path and params.file_path and params.path ~= params.file_path then
      return failed("path and file_path: expected one of them")
    elseif path:find("\0", 1, true) then
      return nil, errors.new("invalid", "path: cannot have zero bytes", "file_operation")
    end
    return operations[params.operation](sandbox, path, params, encodings[params.encoding])
  end,
}
