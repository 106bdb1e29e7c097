-- The HTTP server with clients of every kind and behaviour.
local enclave = require "enclave"
local server_process = require "spec.server_process"
local support = require "spec.support"

local config = [[return { manager = { driver_options = { create_ms = 1 } },
  policy = { sandbox_types = { "docker", "fake" }, max_sandboxes = 16 } }]]

local function pool_of(server, size, more)
  assert.equal(200, (server:post("/pool/initialize?sandbox_type=fake&pool_size=" .. size
    .. (more or ""), {})))
end

describe("the HTTP server", function()
  local server
  before_each(function()
    server = nil
  end)
  after_each(function()
    if server then
      server:stop()
    end
  end)

  it("bears clients that are slow, rude, odd or gone", function()
    server = server_process.start("", config)
    pool_of(server, 4)
    assert.equal("fine\n", server:python("rude"))
  end)

  it("serves crowds, and keeps to its limits", function()
    server = server_process.start("--max-requests 20 --idle-timeout 1 --max-sandboxes 13", config)
    assert.equal("fine\n", server:python("crowd"))
  end)

  it("lets connections above the limit wait, and refuses bodies above theirs", function()
    server = server_process.start("--max-connections 10 --max-bodies 100k", config)
    assert.equal("fine\n", server:python("crowd", "ten"))
  end)

  it("gives a request so much time to come, and more if it comes at some speed", function()
    server = server_process.start("--idle-timeout 3 --request-timeout 1", config)
    assert.equal("fine\n", server:python("crowd", "slow"))
  end)

  it("listens on IPv6", function()
    server = server_process.start("--host ::1", config)
    assert.equal("fine\n", server:python("crowd", "ipv6"))
    assert.is_true(assert(assert(enclave.manager{ base_url = server.url }):health()).healthy)
  end)

  it("serves Node's fetch", function()
    server = server_process.start("", config)
    pool_of(server, 4)
    assert.equal("fine\n", server:run("node spec/http/node.mjs"))
    assert.equal("fine\n", server:run("node spec/http/node_aborts.mjs"))
  end)

  it("serves the clients of other systems, with all that they send", function()
    server = server_process.start("")
    assert.equal("fine\n", server:python("peer", support.image))
  end)

  it("is where it began after clients that went at any time", function()
    server = server_process.start("")
    local status, made = server:post("/pool/initialize?pool_size=3", { image = support.image })
    assert.equal(200, status)
    local owner = support.docker("inspect -f '{{index .Config.Labels \"enclave.owner\"}}' "
      .. made.sandbox_ids[1]):match("%S+")
    local function containers()
      local list = support.docker("ps -aq --filter label=enclave.owner=" .. owner)
      return select(2, list:gsub("\n", ""))
    end
    assert.equal(3, containers())
    assert.equal("fine\n", server:python("soak", server.pid .. " 6"))
    assert.equal(3, containers())
  end)
end)
