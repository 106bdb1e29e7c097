-- Lists what is in a folder of a sandbox, with a bound, by a small sh script: every image with
-- a shell has all that it needs, and any name comes through.
local errors = require "enclave.errors"
local records = require "enclave.files.records"

local walk = {}

---Entries that are looked at, at most.
walk.most = 20000
---Folders in folders that are looked into, at most.
walk.deepest = 500

local kinds = { f = "file", d = "directory", l = "link", o = "other" }

-- One letter and the relative path, ended by a zero byte, for each entry; "+" past a bound.
-- Links are not followed.
local script = [[
case $1 in /*) cd "$1" ;; *) cd "./$1" ;; esac 2>/dev/null || {
  printf '%s: not a folder that can be read\n' "$1" >&2; exit 1
}
n=0
walk() {
  for f in "$1"* "$1".[!.]* "$1"..?*; do
    if [ -L "$f" ]; then t=l; elif [ -d "$f" ]; then t=d; elif [ -f "$f" ]; then t=f
    elif [ -e "$f" ]; then t=o; else continue; fi
    n=$((n + 1))
    [ "$n" -le "$2" ] || { printf '+\0'; exit; }
    printf '%s%s\0' "$t" "$f"
    if [ "$t" = d ] && [ "$3" -gt 0 ]; then walk "$f/" "$2" $(($3 - 1)) "$4"
    elif [ "$t$4" = d1 ]; then printf '+\0'; fi
  done
}
walk "" "$2" "$3" "$4"]]

---@param sandbox enclave.Sandbox
---@param folder string
---@param options? { most?: integer, deep?: boolean }
---@return { name: string, type: string }[]|nil entries sorted by name
---@return boolean|nil more there were more
---@return enclave.RunResult|enclave.Error|nil failed
function walk.list(sandbox, folder, options)
  options = options or {}
  local run, err = sandbox:run{ interpreter = "sh", code = script, max_output_size = "16m",
    args = { folder, tostring(options.most or walk.most),
      tostring(options.deep ~= false and walk.deepest or 0), options.deep ~= false and "1" or "" } }
  if not run then
    return nil, nil, err
  elseif run.status ~= "exited" or run.exit_code ~= 0 then
    return nil, nil, run
  end
  local entries, more = {}, run.truncated
  for item in records.each(run.stdout, "\0") do
    if item == "+" then
      more = true
    elseif item ~= "" then
      entries[#entries + 1] = { name = item:sub(2), type = kinds[item:sub(1, 1)] }
    end
  end
  table.sort(entries, function(a, b)
    return a.name < b.name
  end)
  return entries, more
end

---What a tool returns when list failed.
---@param ended enclave.RunResult|enclave.Error
---@return enclave.RunResult|nil
---@return enclave.Error?
function walk.failed(ended)
  if errors.is(ended) then
    return nil, ended
  end
  return ended
end

return walk
