-- A Docker Engine that is reached by TCP with certificates on both sides. It restarts the private
-- engine that lives in the folder ENCLAVE_TEST_ENGINE.
local core = require "enclave.core"
local support = require "spec.support"

assert(os.getenv("ENCLAVE_TEST_ENGINE"),
  "ENCLAVE_TEST_ENGINE: expected the folder of an engine that may be broken (see spec/engine.sh)")

-- A process with this DOCKER_HOST; prints what it does line by line.
local script = [[
local enclave = require "enclave"
local manager <close> = assert(enclave.manager{ log_level = "off" })
local up, err = manager:initialize_pool{ pool_size = 2,
  config = { image = os.getenv("ENCLAVE_IMAGE"), channel = arg[1], max_output_size = "16m" } }
if not up then
  print(err.code .. ": " .. err.message)
  os.exit(1, true)
end
local function call(tool, parameters)
  local result = assert(manager:execute_tool_in_pool(tool, parameters, 30))
  return result.output
end
io.write("python ", call("python_executor", { code = "print(input())", stdin = "in" }))
io.write("shell ", call("shell_executor", { command = "echo out; echo err >&2" }))
local bytes = ("0123456789abcdef"):rep(256 * 1024)
print("4 MiB", call("shell_executor", { command = "cat", stdin = bytes }) == bytes)
local tasks = {}
for i = 1, 6 do
  tasks[i] = function() return call("shell_executor", { command = "sleep 0.1; echo " .. i }) end
end
for i, one in ipairs(enclave.gather(tasks)) do
  assert(one.value == i .. "\n")
end
print("six at once")
for _, info in ipairs(manager:list_sandboxes()) do
  print("container " .. manager:get_sandbox_info(info.id).metadata.container_id)
end
print("ready")
if arg[2] == "stay" then
  enclave.sleep(100)
end
]]

-- Who signs, and pairs of key and certificate: server, client, and a client of someone else.
local certificates = [[
set -e; cd '%s'
for name in ca other; do
  mkdir $name
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=$name -keyout $name/key.pem -out $name/ca.pem 2>/dev/null
done
sign() {
  mkdir $1
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$1 \
    -keyout $1/key.pem -out $1/request.pem 2>/dev/null
  printf '%%s\n' "$3" >$1/extensions
  openssl x509 -req -in $1/request.pem -CA $2/ca.pem -CAkey $2/key.pem -CAcreateserial -days 2 \
    -extfile $1/extensions -out $1/cert.pem 2>/dev/null
  cp $2/ca.pem $1/ca.pem
}
sign server ca subjectAltName=DNS:localhost
sign client ca extendedKeyUsage=clientAuth
sign stranger other extendedKeyUsage=clientAuth
cp ca/ca.pem stranger/ca.pem
mkdir astray; cp client/key.pem client/cert.pem astray; cp other/ca.pem astray/ca.pem
mkdir bare; cp ca/ca.pem bare
]]

describe("a Docker Engine behind TLS", function()
  local folder, port

  local function engine(command)
    assert(os.execute(("sh spec/engine.sh %s >/dev/null 2>&1"):format(command)), command)
  end

  setup(function()
    folder = support.folder()
    assert(os.execute(certificates:format(folder.path)))
    folder:write("script.lua", script)
    local server <close> = assert(core.httpd{ port = 0, handler = function() end })
    port = server:port()
    server:close()
    engine(("restart --host tcp://127.0.0.1:%d --tlsverify --tlscacert %s --tlscert %s"
      .. " --tlskey %s"):format(port, folder.path .. "/ca/ca.pem",
      folder.path .. "/server/cert.pem", folder.path .. "/server/key.pem"))
  end)
  teardown(function()
    engine("restart")
    folder:remove()
  end)

  -- The command line of the script, as a client with the certificates of this name.
  local function command(certs, host, arguments, verify)
    return ("env DOCKER_HOST=tcp://%s:%d DOCKER_TLS_VERIFY=%s DOCKER_CERT_PATH=%s/%s"
      .. " lua5.4 %s/script.lua %s"):format(host, port, verify or "1", folder.path, certs,
      folder.path, arguments or "agent")
  end

  local function run(...)
    local pipe = assert(io.popen(command(...) .. " 2>&1"))
    local output = pipe:read("a")
    pipe:close()
    return output
  end

  local all = "python in\nshell out\n4 MiB\ttrue\nsix at once\n"

  it("is used with the agent", function()
    assert.matches("^" .. all .. ".*ready\n$", run("client", "localhost"))
  end)

  it("is used with the exec channel", function()
    assert.matches("^" .. all .. ".*ready\n$", run("client", "localhost", "exec"))
  end)

  it("is not trusted when another has signed for it, or under another name", function()
    assert.matches("^unavailable: .*cannot reach tcp://localhost", run("astray", "localhost"))
    assert.matches("^unavailable: .*cannot reach tcp://127.0.0.1", run("client", "127.0.0.1"))
  end)

  it("is trusted unseen with certificates and without DOCKER_TLS_VERIFY", function()
    assert.matches("^" .. all, run("client", "127.0.0.1", "agent", ""))
  end)

  it("does not take who has no certificate, or one of another", function()
    for _, who in ipairs({ "bare", "stranger" }) do
      assert.matches("^unavailable: ", run(who, "localhost"))
    end
  end)

  it("keeps no container of an owner that is killed", function()
    local owner = support.start(folder, "owner", command("client", "localhost", "agent stay"),
      "ready\n")
    local ids = {}
    for id in owner:output():gmatch("container (%x+)") do
      ids[#ids + 1] = id
    end
    assert.equal(2, #ids)
    owner:kill()
    support.eventually(function()
      local there = support.docker("ps -aq --no-trunc")
      return not there:find(ids[1], 1, true) and not there:find(ids[2], 1, true)
    end, "the containers have ended", 3)
  end)
end)
