-- A warm process is indistinguishable from an executed one: every program under
-- spec/conformance is run both ways in a real sandbox, and what it wrote and how it ended
-- are compared byte for byte. How a program is run stands behind it, in lines "#: ...";
-- spec/conformance/run.py explains them, and compares the same without Docker.
local core = require "enclave.core"
local support = require "spec.support"

local home = "/sandbox"
local limits = { AS = "memory", NOFILE = "open_files", FSIZE = "file_size", CPU = "cpu_seconds" }

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

local escapes = { n = "\n", r = "\r", t = "\t", ["\\"] = "\\" }
local function unescape(text)
  return (text:gsub("\\x(%x%x)", function(digits)
    return string.char(tonumber(digits, 16))
  end):gsub("\\([nrt\\])", escapes))
end

-- Words as a shell splits them, with double quotes.
local function words(text)
  local found = {}
  local at = 1
  while true do
    at = text:find("%S", at)
    if not at then
      return found
    end
    local quoted = text:match('^"(.-)"', at)
    local word = quoted or text:match("^%S+", at)
    found[#found + 1] = word
    at = at + #word + (quoted and 2 or 0)
  end
end

local directive = {}
function directive.args(case, rest)
  for _, word in ipairs(words(rest)) do
    table.insert(case.args, word)
  end
end
directive["args-bytes"] = function(case, rest)
  for word in rest:gmatch("%S+") do
    table.insert(case.args, unescape(word))
  end
end
function directive.env(case, rest)
  local name, value = rest:match("^(.-)=(.*)$")
  case.env[name] = value
  -- What acts on an interpreter's start cannot be served by one that has started.
  case.cold = case.cold or name:find("^PYTHON") or name:find("^LC_") or name == "LANG"
end
function directive.stdin(case, rest)
  case.stdin = unescape(rest)
end
directive["stdin-repeat"] = function(case, rest)
  local count, text = rest:match("^(%d+) (.*)$")
  case.stdin = text:rep(tonumber(count))
end
function directive.limit(case, rest)
  local name, number = rest:match("^(%S+) (%d+)$")
  case.limits = case.limits or {}
  case.limits[limits[name]] = tonumber(number)
end
function directive.script(case, rest)
  case.script = words(rest)[1]
  if not case.script:find("missing") and case.script:sub(1, 1) ~= "/" then
    case.main = case.script:match("[^/]+$")
  end
end
function directive.link(case, rest)
  case.script = rest
  case.prepare = ("mkdir -p %s && ln -s ../main.py %s"):format(rest:match("^(.*)/"), rest)
end
function directive.mode(case, rest)
  case.prepare = ("chmod %s main.py"):format(rest)
end
function directive.as(case, rest)
  if rest == "folder" then
    case.script, case.prepare = home .. "/folder", "mkdir folder && mv main.py folder/__main__.py"
  elseif rest == "zip" then
    case.script = home .. "/app.zip"
    case.prepare = "mv main.py __main__.py && "
      .. "python3 -c 'import zipfile; zipfile.ZipFile(\"app.zip\", \"w\").write(\"__main__.py\")'"
  else
    case.script = home .. "/main.pyc"
    case.prepare = "python3 -c 'import py_compile; py_compile.compile(\"main.py\", \"main.pyc\")'"
  end
end
directive["user-site"] = function(case)
  case.prepare = "d=$(python3 -c 'import site; print(site.getusersitepackages())') && mkdir -p $d"
    .. " && echo 'print(__name__, __file__)' > $d/from_user_site.py"
  case.cold = true -- another module path than the server's: the process starts itself anew
end
function directive.bytes(case)
  case.code = unescape(case.code)
end
function directive.strip(case)
  case.code = case.code:gsub("\n+$", "")
end

local function load_case(path)
  local text = read(path)
  local case = { args = {}, env = {}, main = "main.py" }
  local options, lines = {}, {}
  for line in text:gmatch("[^\n]*\n?") do
    local option = line:match("^#: (.-)\n?$")
    if option then
      options[#options + 1] = option
    else
      lines[#lines + 1] = line
    end
  end
  case.code = table.concat(lines)
  for _, option in ipairs(options) do
    local word, rest = option:match("^(%S+) ?(.*)$")
    assert(directive[word], path .. ": unknown option " .. word)(case, rest)
  end
  return case
end

local function cases(folder, suffix)
  local found = {}
  for _, entry in ipairs(assert(core.scandir("spec/conformance/" .. folder))) do
    local name = entry.name:match("^(.*)%" .. suffix .. "$")
    if name then
      found[#found + 1] = { name = name, path = "spec/conformance/" .. folder .. "/" .. entry.name }
    end
  end
  assert(#found > 0)
  return found
end

local function normal(text)
  return (text:gsub("0x%x%x%x%x%x%x+", "0x"):gsub("started %d+", "started"))
end

describe("a warm process", function()
  local sandbox

  setup(function()
    sandbox = assert(core.sandbox("docker", nil, { image = support.image,
      warm = { "python3", "sh" } }))
  end)
  teardown(function()
    sandbox:close()
  end)

  local function outcome(spec, case, warm)
    assert(sandbox:reset())
    if spec.code_path then
      assert(sandbox:put_file(spec.code_path, case.code))
    end
    if case.prepare then
      local done = assert(sandbox:exec{ argv = { "sh", "-c", case.prepare }, cwd = home })
      assert.equal(0, done.exit_code, done.stderr)
    end
    local result = assert(sandbox:exec{ argv = spec.argv, warm = warm, env = case.env, cwd = home,
      stdin = case.stdin, limits = case.limits, timeout = 60 })
    return { status = result.status, exit_code = result.exit_code, signal = result.signal,
      stdout = normal(result.stdout), stderr = normal(result.stderr) }, result.warm
  end

  local function compare(spec, case, name)
    local cold = outcome(spec, case, nil)
    local warm, was_warm = outcome(spec, case, name)
    assert.same(cold, warm)
    if not case.cold then
      assert.is_true(was_warm)
    end
  end

  describe("of Python is like an executed one:", function()
    for _, each in ipairs(cases("scripts", ".py")) do
      it(each.name, function()
        local case = load_case(each.path)
        local argv = { "python3", case.script or (home .. "/main.py"), table.unpack(case.args) }
        compare({ argv = argv, code_path = case.main }, case, "python3")
      end)
    end
  end)

  it("of Python draws other random numbers and names each time", function()
    local case = { main = "main.py", args = {}, env = {}, code = [[
import os, random, secrets, tempfile, uuid
print(random.random(), random.getrandbits(64), secrets.token_hex(), uuid.uuid4(), uuid.uuid1(),
  os.urandom(8), tempfile.mktemp(), random.Random().random(), sep="\n")]] }
    local seen = {}
    for _ = 1, 5 do
      local result, was_warm = outcome({ argv = { "python3", home .. "/main.py" },
        code_path = case.main }, case, "python3")
      assert.is_true(was_warm)
      assert.equal("", result.stderr)
      for line in result.stdout:gmatch("[^\n]+") do
        assert.is_nil(seen[line], line)
        seen[line] = true
      end
    end
  end)

  describe("of a shell is like an executed one:", function()
    for _, each in ipairs(cases("shell", ".sh")) do
      it(each.name, function()
        local case = load_case(each.path)
        compare({ argv = { "sh", "-c", case.code } }, case, "sh")
      end)
    end
  end)
end)
