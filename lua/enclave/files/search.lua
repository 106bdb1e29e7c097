-- The operation search of file_operation: files by glob, and lines in them by text; bounded.
local glob = require "enclave.files.glob"
local json = require "enclave.json"
local operations = require "enclave.files.operations"
local records = require "enclave.files.records"
local walk = require "enclave.files.walk"

-- Files are looked at in groups: one grep says whether a group has anything at all, then one
-- per file says what. A zero byte before and after the lines of each file; grep's own words
-- about binary files are not lines.
local script = [[
flags=$1 pattern=$2 most=$3 folder=$4
shift 4
case $folder in /*) cd "$folder" ;; *) cd "./$folder" ;; esac || exit
command -v grep >/dev/null || { echo "the image has no grep" >&2; exit 127; }
grep -q $flags -e "$pattern" /dev/null
[ $? -lt 2 ] || exit 2
grep -q $flags -e "$pattern" -- "$@" 2>/dev/null || exit 0
for f do
  grep -q $flags -e "$pattern" < "$f" 2>/dev/null || continue
  printf '%s\0' "$f"
  grep -n -m "$most" $flags -e "$pattern" < "$f" 2>/dev/null
  printf '\0'
done
exit 0]]

local group = 100
local longest_line = 500

-- The files below a folder that a glob stands for, or nil and what a tool returns.
local function find(sandbox, path, params)
  local entries, more, ended = walk.list(sandbox, path)
  if not entries then
    return nil, nil, walk.failed(ended)
  end
  local pattern = params.pattern or "**"
  -- Without "/" it is about the last part of the name, in whatever folder.
  local matches = glob.matcher(pattern:find("/", 1, true) and pattern or "**/" .. pattern)
  local list, types = {}, {}
  for _, entry in ipairs(entries) do
    if matches(entry.name) and (not params.text or entry.type == "file") then
      list[#list + 1], types[entry.name] = entry.name, entry.type
    end
  end
  return list, more, types
end

local function by_name(path, params, list, more, types)
  local lines, found = {}, json.array()
  for i = 1, math.min(#list, params.limit) do
    lines[i] = list[i] .. (types[list[i]] == "directory" and "/" or "") .. "\n"
    found[i] = { path = list[i], type = types[list[i]] }
  end
  return { output = table.concat(lines), metadata = { path = path, matches = found,
    truncated = more or #list > params.limit } }
end

-- Adds what one group of files gave; true when the limit is reached.
local function take(output, params, found)
  local each = records.each(output, "\0")
  for name in each do
    for line in records.each(each() or "", "\n") do
      local number, text = line:match("^(%d+):(.*)$")
      if number and #found >= params.limit then
        return true
      elseif number then
        found[#found + 1] = { path = name, line = tonumber(number),
          text = #text > longest_line and text:sub(1, longest_line) .. "…" or text }
      end
    end
  end
  return false
end

local function by_text(sandbox, path, params, list, more)
  if params.text:find("\n", 1, true) then
    return operations.failed("text: expected what one line has, got a line's end")
  end
  local flags = (params.regex and "-E" or "-F") .. (params.ignore_case and "i" or "")
  local found = json.array()
  for from = 1, #list, group do
    local args = { flags, params.text, tostring(params.limit + 1), path }
    table.move(list, from, math.min(from + group - 1, #list), 5, args)
    for i = 5, #args do
      args[i] = "./" .. args[i]
    end
    local run, ended, err = operations.script(sandbox, script, args, { max_output_size = "4m" })
    if not run then
      if ended and ended.status == "exited" then
        return operations.failed("text: %s", records.trim(ended.stderr))
      end
      return ended, err
    end
    if take(run.stdout:gsub("%./", "", 1):gsub("\0%./", "\0"), params, found) or run.truncated then
      more = true
      break
    end
  end
  local lines = {}
  for i, match in ipairs(found) do
    lines[i] = ("%s:%d: %s\n"):format(match.path, match.line, match.text)
  end
  return { output = table.concat(lines), metadata = { path = path, matches = found,
    truncated = more or false } }
end

---@param sandbox enclave.Sandbox
---@param path string a folder
---@param params table pattern, text, regex, ignore_case, limit
---@return table|nil # what a tool returns
---@return enclave.Error? err
return function(sandbox, path, params)
  local list, more, types = find(sandbox, path, params)
  if not list then
    return types
  elseif params.text then
    return by_text(sandbox, path, params, list, more)
  end
  return by_name(path, params, list, more, types)
end
