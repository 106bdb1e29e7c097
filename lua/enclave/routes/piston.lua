-- POST /api/v2/execute and GET /api/v2/runtimes as Piston has them, for graders that speak it.
-- Programs run by multi_code_executor in a pool, that of ?pool=, else the default one; there is
-- one version of each language, that of the pool's image.
local base64 = require "enclave.base64"
local errors = require "enclave.errors"
local json = require "enclave.json"
local languages = require "enclave.multi_code.languages"
local policy = require "enclave.http.policy"
local schema = require "enclave.schema"
local signals = require "enclave.signals"
local toolchain = require "enclave.multi_code.toolchain"

local milliseconds = { type = "number", exclusiveMinimum = 0 }
local bytes = { type = "integer", minimum = -1, description = "-1: the sandbox's" }
local body = {
  type = "object",
  required = { "language", "version", "files" },
  properties = {
    language = { type = "string", minLength = 1 },
    version = { type = "string", minLength = 1, description = "*, or how a version begins: 3,"
      .. " 3.11, 3.11.x" },
    files = { type = "array", minItems = 1, description = "The first that is text is run",
      items = { type = "object", required = { "content" }, properties = {
        name = { type = "string" }, content = { type = "string" },
        encoding = { enum = { "utf8", "base64", "hex" }, default = "utf8" } } } },
    stdin = { type = "string" },
    args = { type = "array", items = { type = "string" } },
    compile_timeout = { type = "number", exclusiveMinimum = 0, default = 10000 },
    run_timeout = { type = "number", exclusiveMinimum = 0, default = 3000 },
    run_cpu_time = milliseconds,
    run_memory_limit = bytes,
  },
}
local validate = schema.compile(body, "body")

local function refuse(message, ...)
  return nil, errors.new("invalid", message:format(...), "piston")
end

-- Its errors are { message }.
local function failure(err)
  local status = err.status or err.code == "invalid" and 400 or err.code == "not_found" and 400
    or err.code == "internal" and 500 or 503
  return { message = err.message }, nil, { status = status,
    headers = status == 503 and { ["Retry-After"] = "1" } or nil }
end

-- ---- versions ------------------------------------------------------------------------------

-- "Python 3.11.2" -> "3.11.2"; three numbers, as clients of semantic versions expect.
local function three_numbers(line)
  local version = line and line:match("%d+[%d.]*%d") or line and line:match("%d+") or "0"
  local count = select(2, version:gsub("%.", ""))
  return version .. (".0"):rep(2 - count)
end

-- What a version has to begin with: "3.11.x" -> "3.11", "*" -> "".
local function beginning_of(wanted)
  return (wanted:gsub("^[v=]", ""):gsub("%.[xX*].*$", ""):gsub("^[xX*]$", ""))
end

-- The languages of the pool's image, or the one of that name: { { language, version } … }.
local function look_up(request, server, only)
  local entry = server.manager.pools[request.query.pool or "default"]
  if not entry then
    return refuse('there is no pool "%s"', request.query.pool or "default")
  end
  local held <close>, problem = entry.host.borrow()
  if not held then
    return nil, problem
  end
  local sandbox, set = held.sandbox, languages.set(server.manager.registry.languages)
  local facts, err = toolchain.facts(sandbox, entry.reuse ~= "keep")
  if not facts then
    return nil, err
  end
  local list, names, version = {}
  names, err = toolchain.available(sandbox, facts, set)
  for _, name in ipairs(names or {}) do
    if not err and (not only or name == only) then
      local language = set:find(name)
      version, err = toolchain.version(sandbox, facts, language,
        toolchain.choose(sandbox, facts, set, language))
      list[#list + 1] = { language = language, version = three_numbers(version) }
    end
  end
  return not err and list or nil, err
end

-- ---- running -------------------------------------------------------------------------------

local function decode(file)
  if file.encoding == "base64" then
    return base64.decode(file.content)
  elseif file.encoding == "hex" and (#file.content % 2 == 1 or file.content:find("%X")) then
    return nil, "expected pairs of hexadecimal digits"
  elseif file.encoding == "hex" then
    return (file.content:gsub("%x%x", function(pair)
      return string.char(tonumber(pair, 16))
    end))
  end
  return file.content
end

-- Whether the main file may keep its name: compilers go by endings, Java by the class.
local function keeps_name(language, name)
  for _, extension in ipairs(language.extensions or {}) do
    if name and not language.detect and name:sub(-#extension - 1) == "." .. extension then
      return true
    end
  end
  return false
end

local function parameters_of(given, language)
  local files, main = {}, nil
  for i, file in ipairs(given.files) do
    local content, problem = decode(file)
    if not content then
      return refuse("body.files[%d].content: %s", i, problem)
    elseif not main and file.encoding == "utf8" then
      main = file
    else
      files[file.name or ("file%d.code"):format(i - 1)] = { base64 = base64.encode(content) }
    end
  end
  if not main then
    return refuse("body.files: expected at least one with the encoding utf8")
  end
  local memory = given.run_memory_limit
  return { language = language.name, code = main.content, files = files, stdin = given.stdin,
    file = keeps_name(language, main.name) and main.name or nil, args = given.args,
    compile_timeout = given.compile_timeout / 1000, run_timeout = given.run_timeout / 1000,
    cpu_timeout = given.run_cpu_time and given.run_cpu_time / 1000, with_version = true,
    memory_limit = memory and memory > 0 and memory or nil }
end

-- A build or a run as Piston tells of it.
local function stage(entry)
  local status, message, signal = json.null, json.null, entry.signal
  if entry.status == "timeout" then
    status, message, signal = "TO", "Time limit exceeded", "SIGKILL"
  elseif entry.truncated then
    status, message = "OL", "output length exceeded"
  elseif signal then
    status, message = "SG", ("Caught fatal signal %d"):format(signals.number(signal))
  elseif entry.exit_code ~= 0 then
    status, message = "RE", ("Exited with error status %s"):format(entry.exit_code)
  end
  return { stdout = entry.stdout, stderr = entry.stderr, output = entry.stdout .. entry.stderr,
    code = not signal and entry.exit_code or json.null, signal = signal or json.null,
    status = status, message = message, memory = entry.memory or json.null,
    cpu_time = entry.cpu and entry.cpu * 1000 or json.null,
    wall_time = entry.time and entry.time * 1000 or json.null }
end

local function run(request, server, given)
  local set, unknown = languages.set(server.manager.registry.languages),
    ("%s-%s runtime is unknown"):format(given.language, given.version)
  local language = set:find(given.language)
  if not language then
    return refuse("%s", unknown)
  end
  local beginning = beginning_of(given.version)
  if beginning ~= "" then
    local found, err = look_up(request, server, language.name)
    if not found then
      return nil, err
    elseif not found[1]
      or (found[1].version .. "."):sub(1, #beginning + 1) ~= beginning .. "." then
      return refuse("%s", unknown)
    end
  end
  local parameters, err = parameters_of(given, language)
  if not parameters then
    return nil, err
  end
  local result
  result, err = server.manager:execute_tool_in_pool("multi_code_executor",
    policy.parameters(server.policy, parameters), { pool = request.query.pool })
  if not result then
    return nil, err
  elseif result.metadata.missing then
    return refuse("%s: %s", unknown, result.error)
  end
  local metadata = result.metadata
  local compile = metadata.build and stage(metadata.build)
  return { language = language.name, version = three_numbers(metadata.version),
    compile = compile, run = metadata.run and stage(metadata.run) or compile }
end

local function execute(request, server)
  local given, err = request:checked(validate)
  if not given then
    return failure(err)
  end
  local answer
  answer, err = run(request, server, given)
  if not answer then
    return failure(err)
  end
  return answer
end

local function runtimes(request, server)
  local found, err = look_up(request, server)
  if not found then
    return failure(err)
  end
  local list = json.array()
  for i, each in ipairs(found) do
    list[i] = { language = each.language.name, version = each.version,
      aliases = json.array(table.move(each.language.aliases, 1, #each.language.aliases, 1, {})) }
  end
  return list
end

local pool = { type = "string", default = "default" }

return {
  name = "piston", api = 1,
  routes = {
    { "POST", "/api/v2/execute", execute, { summary = "Run a program, as Piston does",
      runs_tool = true, body_required = true, query = { pool = pool },
      body = { ["application/json"] = body }, fails = { 400, 503 },
      reply = { ["application/json"] = { type = "object", required = { "run", "language",
        "version" } } } } },
    { "GET", "/api/v2/runtimes", runtimes, { summary = "The languages of a pool's image, as Piston"
      .. " lists them", query = { pool = pool }, fails = { 400, 503 },
      reply = { ["application/json"] = { type = "array", items = { type = "object",
        required = { "language", "version", "aliases" } } } } } },
  },
}
