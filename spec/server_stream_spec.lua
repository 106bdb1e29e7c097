-- Runs as server-sent events, on real Docker, with a raw client.
local server_process = require "spec.server_process"
local support = require "spec.support"

describe("a run as a stream of events", function()
  it("comes as it goes, holds back for slow clients, ends with its client", function()
    local server = server_process.start("")
    finally(function()
      server:stop()
    end)
    assert.equal(200, (server:post("/pool/initialize?pool_size=2", { image = support.image })))
    assert.equal("fine\n", server:python("stream", server.pid .. " " .. support.image))
  end)
end)
