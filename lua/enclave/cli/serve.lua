-- enclave-lua serve: the manager over HTTP, until SIGINT or SIGTERM.
local argparse = require "argparse"
local core = require "enclave.core"
local enclave = require "enclave"
local server = require "enclave.server"

local parser = argparse("enclave-lua serve", "Offers sandboxes and pools over HTTP.")
parser:option("--config", "A Lua file that returns a table of options: those of the server,"
  .. " policy = { … } and manager = { … }.")
parser:option("--host", "Address to listen on (default 127.0.0.1).")
parser:option("--port", "Port (default 8000; 0: any).", nil, tonumber)
parser:option("--api-key", "Key that clients must send (default $ENCLAVE_API_KEY).")
parser:option("--api-key-file", "File that holds the key.")
parser:flag("--insecure", "Listen on other addresses without a key.")
parser:option("--tls-cert", "Certificate, PEM.")
parser:option("--tls-key", "Its key, PEM.")
parser:option("--max-body", "Largest body, such as 64m.")
parser:option("--max-connections", "Connections at a time.", nil, tonumber)
parser:option("--max-requests", "Requests on one connection.", nil, tonumber)
parser:option("--idle-timeout", "Seconds without traffic.", nil, tonumber)
parser:option("--tools", "File or folder with tools."):count("*")
parser:option("--hooks", "File or folder with hooks."):count("*")
parser:option("--routes", "File or folder with routes."):count("*")
parser:option("--allow-image", "Image that clients may use, name:tag or name:*;"
  .. " none: any."):count("*")
parser:flag("--allow-volumes", "Clients may mount folders of the host.")
parser:flag("--allow-ports", "Clients may publish ports.")
parser:flag("--allow-privileged", "Clients may ask for privileges.")
parser:option("--max-memory", "Most memory of a sandbox, such as 2g.")
parser:option("--max-cpu", "Most CPUs of a sandbox.", nil, tonumber)
parser:option("--max-timeout", "Most seconds of a run.", nil, tonumber)
parser:option("--max-sandboxes", "Sandboxes at a time (default 64).", nil, tonumber)
parser:option("--drain", "Seconds that requests have to end after a signal.", 30, tonumber)
parser:option("--log-level", "debug, info, warn, error or off."):choices{ "debug", "info",
  "warn", "error", "off" }

local function fail(code, message)
  io.stderr:write("enclave-lua serve: ", tostring(message), "\n")
  os.exit(code)
end

local fine, args = parser:pparse({ ... })
if not fine then
  fail(2, args)
end

local function check(value, err)
  if not value then
    fail(1, type(err) == "table" and err.message or err)
  end
  return value
end

local function first_line(path)
  local file = check(io.open(path))
  local line = file:read("l")
  file:close()
  return line or ""
end

local options, policy, manager_options = {}, {}, {}
if args.config then
  local chunk = check(loadfile(args.config, "t"))
  options = chunk()
  if type(options) ~= "table" then
    fail(1, args.config .. ": expected a table of options")
  end
  policy, manager_options = options.policy or {}, options.manager or {}
  options.manager = nil
end
for _, name in ipairs({ "host", "port", "insecure", "tls_cert", "tls_key", "max_body",
  "max_connections", "max_requests", "idle_timeout" }) do
  options[name] = args[name] == nil and options[name] or args[name]
end
options.api_key = args.api_key or args.api_key_file and first_line(args.api_key_file)
  or options.api_key or os.getenv("ENCLAVE_API_KEY")
for _, name in ipairs({ "allow_volumes", "allow_ports", "allow_privileged", "max_memory",
  "max_cpu", "max_timeout", "max_sandboxes" }) do
  policy[name] = args[name] == nil and policy[name] or args[name]
end
if #args.allow_image > 0 then
  policy.allowed_images = args.allow_image
end
for name, list in pairs({ tools = args.tools, hooks = args.hooks }) do
  if #list > 0 then
    manager_options[name] = list
  end
end
if #args.routes > 0 then
  options.routes = args.routes
end
options.policy = policy
manager_options.log_level = args.log_level or manager_options.log_level or "info"

local ok, problem = pcall(function()
  local manager <close> = check(enclave.manager(manager_options))
  local http <close> = check(server.new(manager, options))
  io.stderr:write("listening on ", http:url(), "\n")
  local signal = core.wait_signal()
  if signal then
    io.stderr:write("SIG", signal, ": finishing what runs\n")
    http:drain(args.drain)
  end
end)
if not ok then
  fail(1, type(problem) == "table" and problem.message or problem)
end
