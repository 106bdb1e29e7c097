-- The helper of the specs does fail what leaks, and nothing else.
describe("the helper of the specs", function()
  local output, fine

  setup(function()
    local pipe = assert(io.popen("ENCLAVE_SPEC_PATIENCE=1 busted --lua=$(command -v lua5.4)"
      .. " --helper=spec/helper.lua -o plainTerminal --pattern=leaking spec/leaks 2>&1"))
    output = pipe:read("a")
    fine = pipe:close()
  end)

  local function count(pattern)
    local _, found = output:gsub(pattern, "")
    return found
  end

  it("fails the run", function()
    assert.is_nil(fine)
    assert.matches("6 successes / 0 failures / 5 errors", output)
  end)

  it("names each test that leaks, and what", function()
    for what, added in pairs{ task = "1 tasks more than before, 1 operations more than before",
      descriptor = "%d descriptors more than before" } do
      assert.matches("a test that leaves a " .. what .. "\n[^\n]*it leaks: " .. added, output)
    end
    assert.matches("a test that leaves a container\n[^\n]*it leaks: [^\n]*1 containers more than"
      .. " before\n", output)
    assert.equal(3, count("it leaks: "))
  end)

  it("names in the end which tests have added what is still there", function()
    local tests = output:match("leaking.lua leaks: [^\n]*2 containers more than before;"
      .. " added by: ([^\n]*)")
    for _, what in ipairs{ "task", "descriptor", "container" } do
      assert.matches('"that leaves a ' .. what .. '"', tests, 1, true)
    end
    assert.is_nil(tests:find("nor against", 1, true))
  end)
end)
