-- Files that go into a sandbox with a call, and come out of it with the result.
local base64 = require "enclave.base64"
local errors = require "enclave.errors"
local glob = require "enclave.files.glob"
local names = require "enclave.files.names"
local sandbox_methods = require "enclave.sandbox"
local walk = require "enclave.files.walk"

local transfer = {}

---Files of one result, at most.
transfer.most = 200
---Bytes of all files of one result together, unless the tool's configuration says otherwise.
transfer.most_bytes = 16 * 1024 * 1024

---What a tool that takes files says in its parameters.
transfer.parameters = {
  files = {
    type = "object",
    description = "Files to put into the work folder first: name -> text, or { base64: … }",
    additionalProperties = { anyOf = {
      { type = "string" },
      { type = "object", required = { "base64" }, additionalProperties = false,
        properties = { base64 = { type = "string" } } },
    } },
  },
  fetch_files = {
    type = "array",
    items = { type = "string", minLength = 1 },
    maxItems = 100,
    description = "Files of the work folder to return in metadata.files: names, or globs with"
      .. " * ? [a-z] and **; names that do not exist are in metadata.missing_files",
  },
}

-- The bytes of what was given, or nil and what is wrong.
local function decode(given)
  if type(given) == "string" then
    return given
  end
  return base64.decode(given.base64)
end

---Checks names and contents; nothing is sent yet.
---@param files table<string, string|{ base64: string }>|nil
---@return table<string, string>|nil bytes by name
---@return enclave.Error? err
function transfer.read(files)
  local out = {}
  for name, given in pairs(files or {}) do
    local problem, bytes = names.problem(name), nil
    if not problem then
      bytes, problem = decode(given)
      problem = problem and ("%s: %s"):format(errors.show(name), problem)
    end
    if not bytes then
      return nil, errors.new("invalid", "parameters.files: " .. problem, "files")
    end
    out[name] = bytes
  end
  return out
end

---@param patterns string[]|nil
---@return true|nil
---@return enclave.Error? err
function transfer.check_fetch(patterns)
  for _, pattern in ipairs(patterns or {}) do
    local problem = names.problem(pattern)
    if problem then
      return nil, errors.new("invalid", "parameters.fetch_files: " .. problem, "files")
    end
  end
  return true
end

---@param sandbox enclave.Sandbox
---@param files table<string, string> of transfer.read
---@return true|nil
---@return enclave.Error? err
function transfer.send(sandbox, files)
  local name, bytes = next(files)
  if not name then
    return true
  elseif not next(files, name) then
    return sandbox:put_file(name, bytes)
  end
  return sandbox:put_files(files)
end

---Bytes as JSON can carry them.
---@param bytes string
---@return { content: string, encoding: "utf-8"|"base64", size: integer }
function transfer.encode(bytes)
  local is_text = utf8.len(bytes) ~= nil
  return { content = is_text and bytes or base64.encode(bytes), size = #bytes,
    encoding = is_text and "utf-8" or "base64" }
end

-- The names that patterns stand for, each once, in order; plain names as they are.
local function expand(sandbox, patterns)
  local list, seen, entries = {}, {}, nil
  local function add(name)
    if not seen[name] then
      seen[name] = true
      list[#list + 1] = name
    end
  end
  for _, pattern in ipairs(patterns) do
    if not glob.is_one(pattern) then
      add(pattern)
    else
      local failed
      if not entries then
        entries, _, failed = walk.list(sandbox, ".")
      end
      if not entries then
        return nil, failed
      end
      -- As in a shell: without "/" it is about the work folder itself.
      local matches = glob.matcher(pattern:find("/", 1, true) and pattern or "./" .. pattern)
      for _, entry in ipairs(entries) do
        if entry.type ~= "directory" and matches(pattern:find("/", 1, true) and entry.name
          or "./" .. entry.name) then
          add(entry.name)
        end
      end
    end
  end
  return list
end

-- Failures that are the file's, not the sandbox's.
local of_file = { not_found = true, invalid = true, internal = true, docker = true,
  exhausted = true }

---What the patterns stand for, read: { files, missing_files }; bounded in number and bytes.
---@param sandbox enclave.Sandbox
---@param patterns string[]|nil
---@param most_bytes? integer
---@return { files: table, missing_files: table }|nil # nil and no error: nothing was wanted
---@return enclave.Error? err
function transfer.fetch(sandbox, patterns, most_bytes)
  if not patterns or #patterns == 0 then
    return nil
  end
  local list, err = expand(sandbox, patterns)
  if not list then
    return nil, errors.is(err) and err
      or errors.new("internal", "the work folder cannot be read", "files")
  end
  local left = most_bytes or transfer.most_bytes
  local files, missing, count = {}, {}, 0
  for _, name in ipairs(list) do
    local bytes
    if count >= transfer.most then
      missing[name] = ("more than %d files"):format(transfer.most)
    else
      bytes, err = sandbox:get_file(name, { max_size = math.max(left, 1) })
    end
    if bytes and #bytes <= left then
      files[name], left, count = transfer.encode(bytes), left - #bytes, count + 1
    elseif bytes then
      missing[name] = "too large: the files of one result are bounded"
    elseif not missing[name] and of_file[err.code] then
      missing[name] = err.message
    elseif not missing[name] then
      return nil, err
    end
  end
  return { files = files, missing_files = missing }
end

---A program with files in and out: sends, runs, fetches into the run's metadata.
---@param sandbox enclave.Sandbox
---@param params { files?: table, fetch_files?: string[] }
---@param spec enclave.RunOptions
---@param most_bytes? integer
---@return enclave.RunResult|nil
---@return enclave.Error? err
function transfer.run(sandbox, params, spec, most_bytes)
  local fine, files, run, fetched, err
  files, err = transfer.read(params.files)
  if files then
    fine, err = transfer.check_fetch(params.fetch_files)
  end
  if fine then
    fine, err = transfer.send(sandbox, files)
  end
  if fine then
    local _ <close> = sandbox_methods.reserve(sandbox, files)
    run, err = sandbox:run(spec)
  end
  if run then
    fetched, err = transfer.fetch(sandbox, params.fetch_files, most_bytes)
    run.metadata = fetched
  end
  if err then
    return nil, err
  end
  return run
end

return transfer
