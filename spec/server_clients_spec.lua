-- The HTTP server with clients of every kind and behaviour.
local server_process = require "spec.server_process"

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
end)
