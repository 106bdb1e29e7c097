-- enclave-lua serve: the manager over HTTP, until SIGINT or SIGTERM.
local core = require "enclave.core"
local enclave = require "enclave"
local errors = require "enclave.errors"
local front = require "enclave.cli.front"
local server = require "enclave.server"

local serve = {
  name = "serve",
  summary = "Offer sandboxes and pools over HTTP",
  description = "Offers sandboxes and pools over HTTP until SIGINT or SIGTERM, which let finish"
    .. " what runs.",
  options = {
    { "--config", "FILE", "A Lua file that returns a table of options: those of the server,"
      .. " policy = { … } and manager = { … }." },
    { "--host", "ADDRESS", "Address to listen on (default 127.0.0.1)." },
    { "--port", "PORT", "Port (default 8000; 0: any).", convert = front.count },
    { "--api-key", "KEY", "Key that clients must send (default $ENCLAVE_API_KEY)." },
    { "--api-key-file", "FILE", "File that holds the key." },
    { "--insecure", nil, "Listen on other addresses without a key." },
    { "--tls-cert", "FILE", "Certificate, PEM." },
    { "--tls-key", "FILE", "Its key, PEM." },
    { "--max-body", "SIZE", "Largest body, such as a file (default 256m)." },
    { "--max-json", "SIZE", "Largest body that is JSON (default 8m)." },
    { "--max-bodies", "SIZE", "Bodies of all requests, and large answers, at a time (default"
      .. " 512m)." },
    { "--max-header", "SIZE", "Largest request line and headers (default 12k)." },
    { "--max-connections", "COUNT", "Connections at a time (default 4096).",
      convert = front.count },
    { "--max-requests", "COUNT", "Requests on one connection (default 0: any).",
      convert = front.count },
    { "--idle-timeout", "SECONDS", "Seconds without traffic (default 60; 0: any).",
      convert = front.count },
    { "--request-timeout", "SECONDS", "Seconds beyond the idle ones that the head of a request"
      .. " may take, and its body, which has one more for each KiB (default 60; 0: any).",
      convert = front.count },
    { "--tools", "PATH", "File or folder with tools.", many = true },
    { "--hooks", "PATH", "File or folder with hooks.", many = true },
    { "--routes", "PATH", "File or folder with routes.", many = true },
    { "--cors-origin", "ORIGIN", "Page that may call, such as https://app.example; *: every one"
      .. " (default none).", many = true },
    { "--allow-host", "NAME", "Name besides localhost by which clients may call a server without a"
      .. " key on this machine's own address; *: every one.", many = true },
    { "--allow-image", "NAME", "Image that clients may use, name:tag or name:*; none: any.",
      many = true },
    { "--allow-volumes", nil, "Clients may mount folders of the host." },
    { "--allow-ports", nil, "Clients may publish ports." },
    { "--allow-privileged", nil, "Clients may ask for privileges, and for other networks than"
      .. " bridge." },
    { "--max-memory", "SIZE", "Most memory of a sandbox, such as 2g." },
    { "--max-output", "SIZE", "Most that is kept of each stream of a program (default 16m)." },
    { "--max-cpu", "COUNT", "Most CPUs of a sandbox.", convert = front.number },
    { "--max-timeout", "SECONDS", "Most seconds of a run.", convert = front.number },
    { "--max-sandboxes", "COUNT", "Sandboxes at a time (default 64).", convert = front.count },
    { "--drain", "SECONDS", "What requests have to end after a signal (default 30).",
      convert = front.number },
    { "--docker-host", "URL", "Docker Engine (default $DOCKER_HOST)." },
    { "--log-level", "LEVEL", "How much to tell (default info).",
      choices = { "debug", "info", "warn", "error", "off" } },
  },
  examples = {
    { "enclave-lua serve", "on this machine alone, port 8000" },
    { "ENCLAVE_API_KEY=… enclave-lua serve --host 0.0.0.0", "for others, with a key" },
    { "enclave-lua serve --config server.lua", "with options from a file" },
  },
}

local function read_file(path)
  local text, problem = front.read_file(path)
  return text or errors.throw("serve", path .. ": " .. problem)
end

local function from_file(path)
  if not path then
    return {}
  end
  local chunk, problem = load((read_file(path):gsub("^#[^\n]*", "")), "@" .. path, "t")
  local fine, options = pcall(chunk or error, problem, 0)
  if not fine then
    errors.throw("serve", tostring(options))
  elseif type(options) ~= "table" then
    errors.throw("serve", path .. ": expected it to return a table of options, got "
      .. errors.show(options))
  end
  return options
end

-- What is given on the command line goes before what the file says.
local function take(args, names, into)
  for _, name in ipairs(names) do
    if args[name] ~= nil then
      into[name] = args[name]
    end
  end
end

---Options of the server, of its manager, and the seconds to drain.
---@param args table
---@return table
---@return table
---@return number
local function read_options(args)
  local options = from_file(args.config)
  local policy, manager = options.policy or {}, options.manager or {}
  errors.check("serve", "policy", policy, "table")
  errors.check("serve", "manager", manager, "table")
  take(args, { "host", "port", "insecure", "tls_cert", "tls_key", "max_body", "max_bodies",
    "max_json", "max_header", "max_connections", "max_requests", "idle_timeout",
    "request_timeout", "drain" }, options)
  take(args, { "allow_volumes", "allow_ports", "allow_privileged", "max_memory",
    "max_output", "max_cpu", "max_timeout", "max_sandboxes" }, policy)
  options.api_key = args.api_key
    or args.api_key_file and read_file(args.api_key_file):match("^[^\r\n]*")
    or options.api_key or os.getenv("ENCLAVE_API_KEY")
  if #args.allow_image > 0 then
    policy.allowed_images = args.allow_image
  end
  if #args.cors_origin > 0 then
    options.cors_origins = args.cors_origin
  end
  if #args.allow_host > 0 then
    options.allowed_hosts = args.allow_host
  end
  if #args.routes > 0 then
    options.routes = args.routes
  end
  for _, name in ipairs({ "tools", "hooks" }) do
    if #args[name] > 0 then
      manager[name] = args[name]
    end
  end
  take(args, { "docker_host", "log_level" }, manager)
  manager.log_level = manager.log_level or "info"
  local drain = options.drain or 30
  errors.check("serve", "drain", drain, "number")
  options.policy, options.manager, options.drain = policy, nil, nil
  return options, manager, drain
end

function serve.run(args)
  local options, manager_options, drain = read_options(args)
  local manager <close> = assert(enclave.manager(manager_options))
  local http <close> = assert(server.new(manager, options))
  io.stderr:write("listening on ", http:url(), "\n")
  local signal = core.wait_signal()
  if signal then
    io.stderr:write("SIG", signal, ": finishing what runs\n")
    http:drain(drain)
  end
end

return serve
