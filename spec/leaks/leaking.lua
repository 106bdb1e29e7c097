-- Tests that leave something behind, on purpose: spec/leaks_spec.lua runs them.
local core = require "enclave.core"
local support = require "spec.support"

local kept = {}

local function sandbox()
  return assert(core.sandbox("docker", nil, { image = support.image }))
end

describe("a test", function()
  local shared, own

  before_each(function()
    shared = shared or core.spawn(core.sleep, 100)
    own = assert(io.open("/etc/passwd"))
  end)
  after_each(function()
    own:close()
  end)
  teardown(function()
    shared:cancel()
  end)

  it("that leaves nothing", function()
    core.spawn(core.sleep, 0.01)
    io.open("/etc/passwd")
  end)

  it("that leaves a task", function()
    kept.task = core.spawn(core.sleep, 100)
  end)

  it("that leaves a descriptor", function()
    kept.one, kept.two = assert(io.open("/etc/passwd")), assert(io.open("/etc/passwd"))
  end)

  it("that leaves a container", function()
    kept.sandbox = sandbox()
  end)

  it("that fails", function()
    error("of itself")
  end)
end)

describe("a fixture", function()
  lazy_setup(function()
    collectgarbage() -- so that nothing goes while something else comes
    kept.fixture = sandbox()
  end)
  before_each(function()
    kept.opened = kept.opened or assert(io.open("/etc/passwd"))
  end)
  it("is not counted against the first test", function() end)
  it("nor against the second", function() end)
end)
