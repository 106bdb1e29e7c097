local json = require "enclave.json"
local schema = require "enclave.schema"

local function validator(node)
  return assert(schema.compile(node))
end

describe("schema", function()
  local code = { type = "object", required = { "code" }, additionalProperties = false,
    properties = { code = { type = "string" },
      timeout = { type = "number", exclusiveMinimum = 0, default = 30 } } }

  it("gives the value back with defaults, and leaves the caller's alone", function()
    local given = { code = "x" }
    assert.same({ code = "x", timeout = 30 }, validator(code)(given))
    assert.same({ code = "x" }, given)
  end)

  local function fails(node, value, message)
    local taken, problem = validator(node)(value)
    assert.is_nil(taken)
    assert.equal(message, problem)
  end

  it("names field, value and what was expected", function()
    fails(code, { code = 5 }, "parameters.code: expected a string, got number 5")
    fails(code, {}, "parameters.code: missing, expected a string")
    fails(code, { code = "x", timeout = "1" },
      'parameters.timeout: expected a number, got string "1"')
    fails(code, { code = "x", timeout = 0 },
      "parameters.timeout: expected more than 0, got number 0")
    fails(code, { code = "x", timeout = 0 / 0 },
      ("parameters.timeout: expected a number, got number %s"):format(0 / 0))
    fails(code, { code = "x", timout = 1 },
      'parameters.timout: unknown; did you mean "timeout"?')
    fails(code, { cod = "x" }, 'parameters.cod: unknown; did you mean "code"?')
    fails(code, { zzzzzz = "x" }, "parameters.code: missing, expected a string")
    fails(code, { "x" }, "parameters: expected an object, got a table")
    fails(code, { code = json.null }, "parameters.code: expected a string, got null")
  end)

  it("takes a null for something optional as left out", function()
    assert.same({ code = "x", timeout = 30 },
      validator(code)({ code = "x", timeout = json.null }))
    assert.is_nil((validator(code)({ code = json.null })))
    local either = { type = "object", properties = { a = { type = { "string", "null" } } } }
    assert.equal(json.null, validator(either)({ a = json.null }).a)
  end)

  it("tells integers from numbers, and takes integral floats", function()
    local check = validator({ type = "integer" })
    assert.equal("integer", math.type(check(3.0)))
    assert.is_nil((check(3.5)))
    assert.is_nil((check("3")))
  end)

  it("tells lists from objects; an empty table is both", function()
    local list, object = validator({ type = "array" }), validator({ type = "object" })
    assert.truthy(list({ 1, 2 }))
    assert.is_nil((list({ a = 1 })))
    assert.is_nil((list({ [2] = 1 })))
    assert.truthy(object({ a = 1 }))
    assert.is_nil((object({ 1 })))
    assert.truthy(list({}))
    assert.truthy(object({}))
    assert.is_nil((object(json.array())))
  end)

  it("checks items and says which", function()
    local words = { type = "array", items = { type = "string" }, minItems = 1, maxItems = 2 }
    assert.same({ "a" }, validator(words)({ "a" }))
    fails(words, { "a", 2 }, "parameters[2]: expected a string, got number 2")
    fails(words, {}, "parameters: expected at least 1 items, got 0")
    fails(words, { "a", "b", "c" }, "parameters: expected at most 2 items, got 3")
  end)

  it("counts characters, not bytes", function()
    local node = { type = "string", minLength = 2, maxLength = 3 }
    assert.equal("äöü", validator(node)("äöü"))
    fails(node, "äöüß", "parameters: expected at most 3 characters, got 4")
    fails(node, "ä", "parameters: expected at least 2 characters, got 1")
  end)

  it("checks bounds, choices and constants", function()
    local node = { type = "number", minimum = 1, maximum = 2 }
    assert.equal(1, validator(node)(1))
    fails(node, 3, "parameters: expected at most 2, got number 3")
    fails({ enum = { "read", "write" } }, "raed",
      'parameters: expected one of "read", "write", got string "raed"; did you mean "read"?')
    fails({ const = 1 }, 2, "parameters: expected 1, got number 2")
  end)

  it("chooses among alternatives and reports the one that was meant", function()
    local node = { anyOf = { { type = "string" },
      { type = "array", items = { type = "string" } } } }
    assert.equal("x", validator(node)("x"))
    assert.same({ "x" }, validator(node)({ "x" }))
    fails(node, 5, "parameters: expected a string or a list, got number 5")
    fails(node, { "x", 5 }, "parameters[2]: expected a string, got number 5")
    local one = { oneOf = { { type = "number" }, { type = "integer" } } }
    fails(one, 5, "parameters: fits more than one of the alternatives")
    assert.equal(5.5, validator(one)(5.5))
  end)

  it("checks members that are not named", function()
    local node = { type = "object", additionalProperties = { type = "string" } }
    assert.same({ a = "b" }, validator(node)({ a = "b" }))
    fails(node, { a = 1 }, "parameters.a: expected a string, got number 1")
  end)

  it("copies a default that is a table", function()
    local check = validator({ type = "object", properties = { a = { default = { 1 } } } })
    local first = check({})
    first.a[1] = 2
    assert.same({ 1 }, check({}).a)
  end)

  it("refuses what it would not check", function()
    local function problem(node)
      local check, text = schema.compile(node)
      assert.is_nil(check)
      return text
    end
    assert.matches('parameters.pattern: unknown keyword', problem({ pattern = "x" }), 1, true)
    assert.matches('did you mean "required"', problem({ requird = {} }), 1, true)
    assert.matches("parameters.properties.a.type: expected one of",
      problem({ properties = { a = { type = "text" } } }), 1, true)
    assert.matches("parameters.items: expected a schema",
      problem({ items = "string" }), 1, true)
    assert.matches("parameters.minimum: expected a number", problem({ minimum = "1" }), 1, true)
    assert.matches("parameters.enum: expected a list", problem({ enum = {} }), 1, true)
  end)
end)
