-- The operations of file_operation. What is not a transfer is a small sh script whose paths are
-- arguments, so no name can be taken for shell text.
local base64 = require "enclave.base64"
local json = require "enclave.json"
local records = require "enclave.files.records"
local walk = require "enclave.files.walk"

local operations = {}

---Entries that one listing shows, at most.
operations.most_entries = 1000
---Bytes that one range of a file may have.
operations.most_range = 16 * 1024 * 1024

---@param message string
---@param ... any
---@return table # what a tool returns
local function failed(message, ...)
  return { status = "error", error = message:format(...) }
end
operations.failed = failed

---A script's run; nil and what a tool returns when it did not end with a code in `allowed`.
---@param sandbox enclave.Sandbox
---@param text string
---@param args string[]
---@param options? { allowed?: table<integer, boolean>, stdin?: string, max_output_size?: any }
---@return enclave.RunResult|nil
---@return enclave.RunResult|nil ended
---@return enclave.Error? err
function operations.script(sandbox, text, args, options)
  options = options or {}
  local run, err = sandbox:run{ interpreter = "sh", code = text, args = args,
    stdin = options.stdin, max_output_size = options.max_output_size }
  if not run then
    return nil, nil, err
  elseif run.status == "exited"
    and (run.exit_code == 0 or (options.allowed or {})[run.exit_code]) then
    return run
  end
  return nil, run
end
local script = operations.script

-- Failures of a transfer that are the path's, not the sandbox's.
local of_path = { not_found = true, invalid = true, internal = true, docker = true,
  exhausted = true }

local function transfer_failed(path, err)
  if of_path[err.code] then
    local named = err.message:find(path, 1, true)
    return failed("%s", named and err.message or path .. ": " .. err.message)
  end
  return nil, err
end

-- The bytes to write, or nil and what a tool returns.
local function content_of(operation, params, limits)
  local bytes = params.content
  if not bytes then
    return nil, failed("content: missing; %s needs it", operation)
  elseif params.encoding == "base64" then
    local problem
    bytes, problem = base64.decode(bytes)
    if not bytes then
      return nil, failed("content: %s", problem)
    end
  end
  if limits.max_file_size and #bytes > limits.max_file_size then
    return nil, failed("content: %d bytes; at most %d are allowed here", #bytes,
      limits.max_file_size)
  end
  return bytes
end

function operations.write(sandbox, path, params, limits)
  local bytes, problem = content_of("write", params, limits)
  if not bytes then
    return problem
  end
  local fine, err = sandbox:put_file(path, bytes)
  if not fine then
    return transfer_failed(path, err)
  end
  return { output = "File written successfully: " .. path,
    metadata = { path = path, size = #bytes } }
end

function operations.create(sandbox, path, params, limits)
  return operations.write(sandbox, path, { content = params.content or "",
    encoding = params.content and params.encoding }, limits)
end

local function path_failed(path, ended, err)
  if ended and ended.stderr ~= "" then
    return failed("%s: %s", path, records.trim(ended.stderr))
  end
  return ended, err
end

-- What is there and no file is not opened: a pipe would wait for somebody else.
local only_files = [[
if [ -d "$1" ]; then echo "it is a folder" >&2; exit 1
elif [ -e "$1" ] && ! [ -f "$1" ]; then echo "not a regular file" >&2; exit 1; fi
]]

local make_parent = 'case $1 in ?*/*) mkdir -p -- "${1%/*}" || exit ;; esac\n'

function operations.append(sandbox, path, params, limits)
  local bytes, problem = content_of("append", params, limits)
  if not bytes then
    return problem
  end
  local run, ended, err = script(sandbox, make_parent .. only_files .. 'cat >> "$1"',
    { path:sub(1, 1) == "/" and path or "./" .. path }, { stdin = bytes })
  if not run then
    return path_failed(path, ended, err)
  end
  return { output = "Appended to: " .. path, metadata = { path = path, size = #bytes } }
end

-- What read gives, in the encoding that was asked for.
local function shown(path, bytes, params, more)
  local metadata = { path = path, size = #bytes, encoding = params.encoding }
  for key, value in pairs(more or {}) do
    metadata[key] = value
  end
  if params.encoding == "base64" then
    bytes = base64.encode(bytes)
  elseif params.encoding == "utf-8" and not utf8.len(bytes) then
    return failed('%s: not valid UTF-8; read it with encoding "base64"', path)
  end
  return { output = bytes, metadata = metadata }
end

local function read_range(sandbox, path, params, most)
  local text, args
  local size = math.min(most or operations.most_range, operations.most_range)
  if params.first_line or params.last_line then
    local first, last = params.first_line or 1, params.last_line
    if last and last < first then
      return failed("last_line: expected at least first_line (%d), got %d", first, last)
    end
    text = 'exec sed -n "$2" < "$1"'
    args = { last and ("%d,%dp;%dq"):format(first, last, last) or ("%d,$p"):format(first) }
  else
    size = math.min(params.length or size, size)
    text = 'exec 3< "$1" || exit; tail -c "+$2" <&3 | head -c "$3"'
    args = { ("%d"):format((params.offset or 0) + 1), ("%d"):format(size) }
  end
  table.insert(args, 1, path)
  local run, ended, err = script(sandbox, only_files .. text, args,
    { max_output_size = size + 4096 })
  if not run then
    return path_failed(path, ended, err)
  elseif run.truncated or #run.stdout > size then
    return failed("%s: the range has more than %d bytes", path, size)
  end
  return shown(path, run.stdout, params, { offset = params.offset,
    first_line = params.first_line, last_line = params.last_line })
end

function operations.read(sandbox, path, params, limits)
  if params.offset or params.length or params.first_line or params.last_line then
    return read_range(sandbox, path, params, limits.max_file_size)
  end
  local bytes, err = sandbox:get_file(path, { max_size = limits.max_file_size })
  if not bytes then
    return transfer_failed(path, err)
  end
  return shown(path, bytes, params)
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

-- move and copy: into the destination when that is a folder.
local function relocate(command, done)
  return function(sandbox, path, params)
    local destination = params.destination
    if not destination then
      return failed("destination: missing; %s needs it", params.operation)
    end
    local run, ended, err = script(sandbox, make_parent:gsub("1", "2")
      .. ('exec %s -- "$1" "$2"'):format(command), { path, destination })
    if not run then
      return ended, err
    end
    return { output = ("%s: %s to %s"):format(done, path, destination),
      metadata = { path = path, destination = destination } }
  end
end

operations.move = relocate("mv -f", "Moved")
operations.copy = relocate("cp -R -P -p -f", "Copied")

local kinds = { f = "file", d = "directory", l = "link", o = "other" }

function operations.exists(sandbox, path)
  local run, ended, err = script(sandbox, [[
if [ -L "$1" ]; then printf l; elif [ -d "$1" ]; then printf d; elif [ -f "$1" ]; then printf f
elif [ -e "$1" ]; then printf o; else exit 3; fi]], { path }, { allowed = { [3] = true } })
  if not run then
    return ended, err
  end
  local there = run.exit_code == 0
  return { output = there and "exists" or "does not exist",
    metadata = { path = path, exists = there, type = kinds[run.stdout] } }
end

local modes = { [0x8] = "file", [0x4] = "directory", [0xa] = "link" }

function operations.stat(sandbox, path)
  local run, ended, err = script(sandbox, [[
if ! [ -e "$1" ] && ! [ -L "$1" ]; then echo "no such file or folder" >&2; exit 1; fi
stat -c '%f %s %Y %u %g' -- "$1" && { [ ! -L "$1" ] || readlink -n -- "$1"; }]], { path })
  if not run then
    return path_failed(path, ended, err)
  end
  local mode, size, mtime, uid, gid, target = run.stdout:match(
    "^(%x+) (%d+) (%-?%d+) (%d+) (%d+)\n(.*)$")
  if not mode then
    return failed("%s: stat gave something else: %s", path, run.stdout)
  end
  local bits = tonumber(mode, 16)
  local facts = { path = path, type = modes[bits >> 12] or "other", size = tonumber(size),
    mtime = tonumber(mtime), mode = ("%04o"):format(bits & 4095), uid = tonumber(uid),
    gid = tonumber(gid), target = target ~= "" and target or nil }
  return { output = ("%s, %d bytes, mode %s"):format(facts.type, facts.size, facts.mode),
    metadata = facts }
end

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
    for line in records.each(run.stdout, "\n") do
      local size, mtime = line:match("^(%d+) (%-?%d+)$")
      if entries[i] and size then
        entries[i].size, entries[i].mtime = tonumber(size), tonumber(mtime)
      end
      i = i + 1
    end
  end
end

function operations.list(sandbox, path)
  local entries, more, ended = walk.list(sandbox, path, { deep = false,
    most = operations.most_entries })
  if not entries then
    return walk.failed(ended)
  end
  add_sizes(sandbox, path, entries)
  local lines = {}
  for i, entry in ipairs(entries) do
    lines[i] = entry.name .. (entry.type == "directory" and "/" or "") .. "\n"
  end
  return { output = table.concat(lines), metadata = { path = path, entries = json.array(entries),
    truncated = more or false } }
end

return operations
