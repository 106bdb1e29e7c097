-- enclave-lua serve as a process of its own, and curl as its client.
local core = require "enclave.core"
local json = require "enclave.json"
local support = require "spec.support"

local so = assert(package.searchpath("enclave.core", package.cpath))
local program = os.getenv("ENCLAVE_LUA") or so:gsub("[^/]*/[^/]*/[^/]*$", "") .. "enclave-lua"
local lua = assert(package.searchpath("enclave.server", package.path)):gsub("/enclave/[^/]*$", "")

local Process = {}
Process.__index = Process

local server_process = {}

local function quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end
server_process.quote = quote

local function output_of(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local _, _, code = pipe:close()
  return text, code
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

---Starts it; waits until it listens.
function server_process.start(arguments, config)
  local folder = support.folder()
  local self = setmetatable({ folder = folder, log = folder:write("log", "") }, Process)
  local file = folder:write("config.lua", config or "return {}")
  self.pid = output_of(("ENCLAVE_LUA_PATH=%s %s serve --port 0 --config %s %s >%s 2>&1 & echo $!")
    :format(quote(lua), quote(program), quote(file), arguments or "", quote(self.log)))
    :match("%d+")
  self.url = support.eventually(function()
    return read(self.log):match("listening on (%S+)")
  end, "the server listens: " .. self.log)
  return self
end

---curl's words after its options; status, body (decoded when it is JSON), head.
function Process:curl(path, arguments)
  local head = self.folder.path .. "/head"
  local text, code = output_of(("curl -sk --max-time 60 -D %s %s %s"):format(quote(head),
    arguments or "", quote(self.url .. path)))
  if code ~= 0 then
    return nil, code, ""
  end
  local facts = read(head)
  local status
  for number in facts:gmatch("HTTP/[%d.]+ (%d+)") do
    status = tonumber(number)
  end
  return status, facts:lower():find("content-type: application/json", 1, true)
    and json.decode(text) or text, facts
end

function Process:post(path, body, arguments)
  return self:curl(path, ("-H 'Content-Type: application/json' -d %s %s"):format(
    quote(type(body) == "string" and body or json.encode(body)), arguments or ""))
end

function Process:raw(bytes)
  local file = self.folder:write("raw", bytes)
  local port = self.url:match(":(%d+)$")
  return (output_of(([[timeout 30 bash -c 'exec 3<>/dev/tcp/127.0.0.1/%s; cat %s >&3; cat <&3']])
    :format(port, file)))
end

---Runs a program with the server's address as its first argument; what it printed.
function Process:run(command, arguments)
  return (output_of(("timeout 120 %s %s %s 2>&1"):format(command, quote(self.url),
    arguments or "")))
end

---Runs spec/http/NAME.py against it.
function Process:python(name, arguments)
  return self:run(("/usr/bin/env PYTHONDONTWRITEBYTECODE=1 python3 spec/http/%s.py"):format(name),
    arguments)
end

---Ends it; its exit is waited for. faulty: routes of it throw on purpose.
function Process:stop(faulty)
  os.execute("kill -TERM " .. self.pid)
  local deadline = core.now() + 30
  while os.execute(("kill -0 %s 2>/dev/null"):format(self.pid)) and core.now() < deadline do
    core.sleep(0.02)
  end
  local text = read(self.log)
  self.folder:remove()
  local signs = { "Sanitizer", "runtime error", not faulty and "stack traceback" or nil }
  for _, sign in ipairs(signs) do
    assert(not text:find(sign, 1, true), text)
  end
  return text, core.now() < deadline
end

return server_process
