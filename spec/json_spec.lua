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
