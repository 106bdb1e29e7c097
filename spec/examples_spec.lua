-- Every example runs, under enclave-lua and under the stock interpreter.
local support = require "spec.support"

local interpreters = {
  ["enclave-lua"] = os.getenv("ENCLAVE_LUA") or "build/enclave-lua",
  ["stock lua"] = os.getenv("LUA") or "lua5.4",
}

local function run(interpreter, script, environment)
  local command = ("env LUA_PATH='%s' LUA_CPATH='%s' ENCLAVE_IMAGE='%s' %s '%s' %s 2>&1")
    :format(package.path, package.cpath, support.image, environment or "", interpreter, script)
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  local _, _, code = pipe:close()
  return code, output
end

local function shows(output, ...)
  for _, text in ipairs({ ... }) do
    assert.is_truthy(output:find(text, 1, true), ("no %q in:\n%s"):format(text, output))
  end
end

for name, interpreter in pairs(interpreters) do
  describe("the examples under " .. name, function()
    it("pool.lua", function()
      local code, output = run(interpreter, "examples/pool.lua")
      assert.equal(0, code, output)
      shows(output, "output: from pool", "status: success", '"pool_size":2',
        '"total_sandboxes":2')
    end)

    it("oneshot.lua", function()
      local code, output = run(interpreter, "examples/oneshot.lua")
      assert.equal(0, code, output)
      shows(output, "the sum is 6", "apple\nfig\npear\n", "[stdout] line 2", "[stderr] done",
        'status timeout, output "working')
    end)

    it("concurrent.lua", function()
      local code, output = run(interpreter, "examples/concurrent.lua")
      assert.equal(0, code, output)
      shows(output, "8 squared is 64", "8 calls of 0.25 s on 2 sandboxes",
        "without waiting: timeout")
    end)

    it("custom_tool", function()
      local code, output = run(interpreter, "examples/custom_tool/main.lua")
      assert.equal(0, code, output)
      shows(output, "3 the\n", "best: 3 the", "hook: word_count left in",
        'the next borrower finds: ""', "a mistake: invalid: parameters.text")
    end)

    it("notebook.lua", function()
      local code, output = run(interpreter, "examples/notebook.lua")
      assert.equal(0, code, output)
      shows(output, "sorting\nResult: [1, 2, 3]\nstatus timeout\nResult: 3\n",
        "execute_result: <table><tr><td>3</td><td>1</td><td>2</td></tr></table>")
    end)

    it("custom_language", function()
      local code, output = run(interpreter, "examples/custom_language/main.lua")
      assert.equal(0, code, output)
      shows(output, "the sum is 10", "case 2: accepted", "case 3: wrong_answer: line 1",
        "languages of this image: awk,")
    end)

    it("toolbox", function()
      local code, output = run(interpreter, "examples/toolbox/main.lua")
      assert.equal(0, code, output)
      shows(output, "part 4 of 4", "pi is about 3.1", "3 texts/a.txt\n", "5 total\n",
        "signed with [secret SIGNING_KEY]", "words: 5", "hello from the hook",
        "sign: Sign a text with the key of this host", "leaves the pool default")
    end)

    it("end with a message and code 1 when something is wrong", function()
      local code, output = run(interpreter, "examples/pool.lua",
        "DOCKER_HOST=unix:///nowhere.sock")
      assert.equal(1, code, output)
      shows(output, "/nowhere.sock")
    end)
  end)
end
