local base64 = require "enclave.base64"
local json = require "enclave.json"

describe("json", function()
  it("writes what is ready as it is", function()
    assert.equal('{"a":[1,{"b": 2}]}', json.encode({ a = { 1, json.ready('{"b": 2}') } }))
  end)

  it("writes keys in order, integers as such, slashes plainly", function()
    assert.equal('{"a":1,"b":[1,2.5],"c":"x/y","d":{}}',
      json.encode({ d = {}, c = "x/y", b = { 1.0, 2.5 }, a = 1 }))
  end)

  it("tells empty lists that are marked", function()
    assert.equal('{"a":[],"b":{}}', json.encode({ a = json.array(), b = {} }))
  end)

  it("writes what has no JSON form as null, and bytes that are not UTF-8", function()
    assert.equal("[null,null,null]", json.encode({ 0 / 0, math.huge, json.null }))
    assert.equal('"a\u{FFFD}b\u{FFFD}"', json.encode("a\xffb\xc3"))
    assert.equal('"\\u0000\\n\\""', json.encode('\0\n"'))
  end)

  it("writes every kind of number and text as JSON has it", function()
    assert.equal('[-0.125,1e+300,0.3333333333333333,9223372036854775807,-9223372036854775808,0]',
      json.encode({ -0.125, 1e300, 1 / 3, math.maxinteger, math.mininteger, -0.0 }))
    assert.equal('{"-1":3,"0.5":2,"9223372036854775807":4,"a":1}',
      json.encode({ a = 1, [0.5] = 2, [-1.0] = 3, [math.maxinteger] = 4 }))
    assert.equal('"\\u007f\\u001f\\b\\f\\r\\t\\\\ä€𝄞"',
      json.encode("\127\31\b\f\r\t\\ä€𝄞"))
    for bad, count in pairs({ ["\xC0\x80"] = 2, ["\xED\xA0\x80"] = 3, ["\xF4\x90\x80\x80"] = 4,
      ["\xE2\x82"] = 2, ["\x80"] = 1, ["\xF8\x88\x80\x80\x80"] = 5 }) do
      assert.equal('"' .. ("\u{FFFD}"):rep(count) .. '"', json.encode(bad))
    end
    local many, nested = {}, {}
    for i = 1, 1000 do
      many[("k%04d"):format(i)] = { b = i, a = { [tostring(i)] = i } }
    end
    assert.same(many, json.decode(json.encode(many)))
    for _ = 1, 127 do
      nested = { nested }
    end
    assert.equal(128, select(2, json.encode(nested):gsub("[%[{]", "")))
    assert.has_error(function() json.encode({ nested }) end, "json: more than 128 levels deep")
  end)

  it("keeps sparse and mixed tables as objects", function()
    assert.equal('{"1":"a","x":1}', json.encode({ "a", x = 1 }))
    assert.equal('{"1000000":1}', json.encode({ [1000000] = 1 }))
  end)

  it("throws on functions and cycles", function()
    assert.has_error(function() json.encode(print) end)
    local cycle = {}
    cycle[1] = cycle
    assert.has_error(function() json.encode(cycle) end)
  end)

  it("reads integers as integers and gives nil on bad text", function()
    local value = json.decode('{"a":[1,2.5,{"b":-3}],"n":null}')
    assert.equal("integer", math.type(value.a[1]))
    assert.equal(2.5, value.a[2])
    assert.equal("integer", math.type(value.a[3].b))
    assert.equal(json.null, value.n)
    for _, text in ipairs({ "", "{", "[1,]", "nope", "{} x", ("["):rep(200) .. ("]"):rep(200) }) do
      local got, problem = json.decode(text)
      assert.is_nil(got)
      assert.is_string(problem)
    end
  end)

  it("gives back what it wrote", function()
    local value = { a = { 1, 2, { b = "ä\n\\/" } }, c = true, d = -0.125, e = 2 ^ 40 | 0 }
    assert.same(value, json.decode(json.encode(value)))
    for _, number in ipairs({ math.maxinteger, math.mininteger, (1 << 53) + 1, 0.1 + 0.2, 1 / 3,
      1763730000.123456, 5e-324, 1.7976931348623157e308, 2 ^ 63 }) do
      local got = json.decode(json.encode({ number, tostring(number), { a = number } }))
      assert.equal(number, got[1])
      assert.equal(math.type(number), math.type(got[1]))
      assert.equal(tostring(number), got[2])
      assert.equal(number, got[3].a)
    end
    assert.equal(math.maxinteger, json.decode(tostring(math.maxinteger)))
    local mixed = json.decode('{"a":18446744073709551616,"b":1234567890123456789,"c":null}')
    assert.equal(2 ^ 64, mixed.a)
    assert.equal("number", type(mixed.b))
    assert.equal(json.null, mixed.c)
  end)
end)

describe("base64", function()
  it("agrees with the vectors of RFC 4648", function()
    local vectors = { [""] = "", f = "Zg==", fo = "Zm8=", foo = "Zm9v", foob = "Zm9vYg==",
      fooba = "Zm9vYmE=", foobar = "Zm9vYmFy" }
    for plain, coded in pairs(vectors) do
      assert.equal(coded, base64.encode(plain))
      assert.equal(plain, base64.decode(coded))
    end
  end)

  it("takes every byte, white space and missing padding", function()
    local all = {}
    for i = 0, 255 do
      all[#all + 1] = string.char(i)
    end
    local bytes = table.concat(all)
    assert.equal(bytes, base64.decode(base64.encode(bytes)))
    assert.equal("fooba", base64.decode("Zm9v\n YmE"))
  end)

  it("refuses what is none", function()
    for _, text in ipairs({ "Z", "Zg=", "Zg===", "Z*==", "Zg==Zg==", "=" }) do
      assert.is_nil((base64.decode(text)))
    end
  end)
end)
