-- Where cases run: each in a folder of its own and as a user of its own, so that none can change
-- the program, or find what another left. A place serves one case after another; as many cases run
-- at a time as there are places.
local core = require "enclave.core"
local errors = require "enclave.errors"

local places = {}

-- Users that images do not have; one is in use by one place of a sandbox.
local first_user = 50000
local no_entry = 3

-- The folders of cases are in this one, where only who knows a name finds anything.
local make_common = 'mkdir -p -- "$1" && exec chmod 1733 -- "$1"'

-- Run as the place's user, who owns nothing but what its last case left: all that is ended and
-- removed. The new folder has the files of the case, which come by standard input; copies of
-- those that came with the call, since programs may write to them; links to whatever else is
-- there. Its exit code is 3 where that user cannot look into the folder of the call.
local renew = [[
user=$1 root=$2 old=$3 new=$4 archive=$5
shift 5
end_last() {
  set -- ${old:+"$old"}
  if [ "$user" ]; then
    kill -KILL -1 2>/dev/null
    for f in /tmp/* /tmp/.[!.]* /var/tmp/* /var/tmp/.[!.]* /dev/shm/* /dev/shm/.[!.]*; do
      [ ! -O "$f" ] || set -- "$@" "$f"
    done
  fi
  [ $# = 0 ] || rm -rf -- "$@" || { chmod -R u+rwX -- "$@"; rm -rf -- "$@"; }
}
link_rest() {
  set --
  for f in "$root"/* "$root"/.[!.]*; do
    [ "$f" = "$root/.cases" ] || [ -e "${f##*/}" ] || [ ! -e "$f" ] || set -- "$@" "$f"
  done
  [ $# = 0 ] || ln -s -- "$@" .
}
end_last 2>/dev/null
[ "$new" ] || exit 0
{ cd -- "$root" && [ -r . ]; } 2>/dev/null || exit 3
mkdir -m 700 -- "$new" || exit
[ $# = 0 ] || cp -R -P -- "$@" "$new" || exit
cd -- "$new" || exit
[ -z "$archive" ] || tar -xf - || exit
link_rest]]

---@class enclave.Place
---@field job enclave.Job
---@field common string the folder of all places
---@field user? string nil: the sandbox's own
---@field folder? string of the last case
local Place = {}
Place.__index = Place

---@type table<enclave.Sandbox, table<integer, true>>
local in_use = setmetatable({}, { __mode = "k" })

-- Where programs are root they can do everything as any user: there it stays.
local function take_user(job)
  local name = job.facts.user
  if name:find("^0*%f[:\0]") or name:find("^root%f[:\0]") then
    return nil
  end
  local taken = in_use[job.sandbox] or {}
  in_use[job.sandbox] = taken
  local number = first_user
  while taken[number] do
    number = number + 1
  end
  taken[number] = true
  return number
end

---@param job enclave.Job built
---@param count integer
---@return enclave.Place[]|nil # to be closed
---@return enclave.Error? err
function places.open(job, count)
  local common = job.facts.folder .. "/.cases"
  local run, err = job.sandbox:run{ interpreter = "sh", code = make_common, args = { common } }
  if not run then
    return nil, err
  elseif run.status ~= "exited" or run.exit_code ~= 0 then
    return nil, errors.new("internal", "cannot make the folder of the cases: " .. run.stderr,
      "multi_code_executor")
  end
  local list = {}
  for i = 1, count do
    local number = take_user(job)
    list[i] = setmetatable({ job = job, common = common, number = number,
      user = number and ("%d:%d"):format(number, number) }, Place)
  end
  return setmetatable(list, { __close = function()
    for _, place in ipairs(list) do
      place:close()
    end
  end })
end

-- The files of a case, with those of the call that are in the same folders; the names of what else
-- came with the call.
local function files_of(job, case)
  local tops, all, names = {}, {}, {}
  for name, content in pairs(case.files) do
    tops[name:match("^[^/]+")] = true
    all[name] = content
  end
  for name in pairs(job.given) do
    local top = name:match("^[^/]+")
    if tops[top] then
      all[name] = all[name] or job.files[name]
    else
      names[top] = true
    end
  end
  local copied = {}
  for name in pairs(names) do
    copied[#copied + 1] = name
  end
  table.sort(copied)
  return next(all) and core.archive_files(all) or nil, copied
end

local function run_renew(self, new, archive, copied)
  local run, err
  if archive then -- apart: over the exec channel a shell of the same user may bring the input
    run, err = run_renew(self, "", nil, {})
    if not run then
      return nil, err
    end
  end
  run, err = self.job.sandbox:run{ interpreter = "sh", code = renew, user = self.user,
    cwd = "/", stdin = archive, args = { not archive and self.user or "", self.job.root,
      self.folder or "", new, archive and "1" or "", table.unpack(copied) } }
  if run then
    self.folder = nil
  end
  return run, err
end

---A new folder; nothing is left of the last case. Waits.
---@param case table
---@return string|nil folder
---@return enclave.Error? err
function Place:renew(case)
  local new = ("%s/%016x"):format(self.common, math.random(0))
  local archive, copied = files_of(self.job, case)
  local run, err = run_renew(self, new, archive, copied)
  if run and run.exit_code == no_entry and self.user then
    self.user = nil
    run, err = run_renew(self, new, archive, copied)
  end
  if not run then
    return nil, err
  elseif run.status ~= "exited" or run.exit_code ~= 0 then
    return nil, errors.new("internal", "cannot make the folder of a case: " .. run.stderr,
      "multi_code_executor")
  end
  self.folder = new
  return new
end

---Removes what its last case left. Idempotent.
function Place:close()
  if self.folder then
    run_renew(self, "", nil, {})
  end
  if self.number then
    in_use[self.job.sandbox][self.number], self.number = nil, nil
  end
end

return places
