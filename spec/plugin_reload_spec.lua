-- Plugin files that change while a program runs.
local core = require "enclave.core"
local registry = require "enclave.plugins.registry"
local support = require "spec.support"

describe("files that change", function()
  local folder, known, logged

  before_each(function()
    folder, logged = support.folder(), {}
    core.configure{ log_level = "info", on_log = function(_, line)
      logged[#logged + 1] = line
    end }
  end)
  after_each(function()
    core.configure{ log_level = "warn", on_log = function() end }
    known:close()
    folder:remove()
  end)

  local function tool(version)
    return ([[return { name = "mine", api = 1, execute = function() return %q end }]])
      :format(version)
  end
  local function becomes(version)
    support.eventually(function()
      local mine = known:tool("mine")
      return (mine and mine.execute()) == version
    end, "the tool becomes " .. tostring(version))
  end
  local function count(text)
    local times = 0
    for _, line in ipairs(logged) do
      times = times + (line:find(text, 1, true) and 1 or 0)
    end
    return times
  end

  it("are loaded again when the system tells of it", function()
    folder:write("mine.lua", tool("one"))
    known = assert(registry.new({ tools = { folder.path } }))
    becomes("one")
    folder:write("mine.lua", tool("two"))
    becomes("two")
    folder:write(".new", tool("three"))
    assert(os.rename(folder.path .. "/.new", folder.path .. "/mine.lua"))
    becomes("three")
    folder:write("broken.lua", "return {")
    folder:write("mine.lua", "return { name = 5")
    support.eventually(function()
      known:tool("mine") -- where the system cannot tell, it is looked at when it is used
      return count("mine.lua:1:") == 1 and count("broken.lua:1:") == 1
    end, "the problems are told")
    becomes("three")
    folder:write("mine.lua", tool("four"))
    becomes("four")
    assert.equal(1, count("mine.lua:1:"))
    assert.equal(1, count("broken.lua:1:"))
    folder:delete("mine.lua")
    becomes(nil)
  end)

  it("are loaded again from a folder that was replaced", function()
    folder:write("mine.lua", tool("one"))
    known = assert(registry.new({ tools = { folder.path } }))
    assert(os.execute(("rm -r '%s' && mkdir '%s'"):format(folder.path, folder.path)))
    folder:write("mine.lua", tool("two"))
    becomes("two")
    folder:write("mine.lua", tool("three"))
    becomes("three")
  end)

  it("are loaded again when one file is given", function()
    local path = folder:write("mine.lua", tool("one"))
    known = assert(registry.new({ tools = { path } }))
    folder:write("mine.lua", tool("two"))
    becomes("two")
  end)

  it("are looked at by time where the system cannot tell", function()
    local watch = core.watch
    core.watch = function() end -- luacheck: ignore
    finally(function()
      core.watch = watch -- luacheck: ignore
    end)
    folder:write("mine.lua", tool("one"))
    known = assert(registry.new({ tools = { folder.path } }))
    folder:write("mine.lua", tool("two"))
    becomes("two")
  end)

  it("are let go with what followed them", function()
    local gone = setmetatable({}, { __mode = "k" })
    known = assert(registry.new())
    gone[assert(registry.new({ tools = { folder.path } }))] = true
    collectgarbage()
    collectgarbage()
    assert.is_nil((next(gone)))
    local watch <close> = assert(core.watch(folder.path, print))
    watch:close()
    local none, err = core.watch("/nowhere/at/all", print)
    assert.is_nil(none)
    assert.equal("not_found", err.code)
    assert.has_error(function() core.watch(folder.path, 5) end)
  end)
end)
