local enclave = require "enclave"

describe("gather", function()
  it("keeps the order of the functions", function()
    local results, first = enclave.gather{
      function()
        enclave.sleep(0.05)
        return "slow", 2
      end,
      function()
        return "fast"
      end,
      function() end,
    }
    assert.is_nil(first)
    assert.equal("slow", results[1].value)
    assert.equal(2, results[1].values[2])
    assert.equal("fast", results[2].value)
    assert.is_true(results[3].ok)
    assert.equal(0, results[3].values.n)
  end)

  it("runs at the same time", function()
    local calls = {}
    for i = 1, 10 do
      calls[i] = function()
        return enclave.sleep(0.2)
      end
    end
    local started = enclave.now()
    assert(enclave.gather(calls))
    assert.is_true(enclave.now() - started < 1.5)
  end)

  it("runs no more than its limit at a time", function()
    local active, most = 0, 0
    local calls = { limit = 3 }
    for i = 1, 12 do
      calls[i] = function()
        active = active + 1
        most = math.max(most, active)
        enclave.sleep(0.01)
        active = active - 1
        return i
      end
    end
    local results = assert(enclave.gather(calls))
    assert.equal(3, most)
    assert.equal(12, results[12].value)
  end)

  it("goes on past failures and gives the first", function()
    local results, first = enclave.gather{
      function()
        enclave.sleep(0.02)
        return nil, enclave.error("timeout", "too late")
      end,
      function()
        error("thrown")
      end,
      function()
        return "fine"
      end,
    }
    assert.equal("timeout", first.code)
    assert.is_false(results[1].ok)
    assert.equal("internal", results[2].error.code)
    assert.matches("thrown", results[2].error.message, 1, true)
    assert.matches("traceback", results[2].error.message, 1, true)
    assert.equal("fine", results[3].value)
  end)

  it("cancels the others when it is cancelled", function()
    local ended = {}
    local task = enclave.spawn(function()
      local calls = {}
      for i = 1, 3 do
        calls[i] = function()
          local _, err = enclave.sleep(60)
          ended[i] = err and err.code
        end
      end
      return enclave.gather(calls)
    end)
    enclave.sleep(0.05)
    task:cancel()
    task:join()
    enclave.sleep(0.05)
    assert.same({ "cancelled", "cancelled", "cancelled" }, ended)
  end)

  it("takes an empty list, refuses what is none", function()
    assert.same({}, enclave.gather{})
    for _, bad in ipairs({ "x", { 5 }, { limit = 0 }, { limt = 1 }, { limit = "2" } }) do
      local ok, err = pcall(enclave.gather, bad)
      assert.is_false(ok)
      assert.equal("invalid", err.code)
    end
  end)
end)
