-- The options of initialize_pool: read, checked, compared.
local errors = require "enclave.errors"

local pool_options = {}

---@class enclave.PoolOptions
---@field pool_size? integer kept warm; default 1
---@field max_size? integer grows up to this many while callers wait; default pool_size
---@field sandbox_type? string default "docker"
---@field config? table sandbox config, with tools_config; its registry_auth = { username,
---  password } is for pulling the image, else what `docker login` keeps in config.json (no helpers)
---@field name? string default "default"
---@field max_waiters? integer one more is "exhausted" at once; default 100000
---@field max_uses? integer a sandbox is replaced after so many borrowers; default 0: never
---@field max_age? number seconds; replaced when it comes back older; default 0: never
---@field idle_ttl? number seconds; idle sandboxes above pool_size are removed after it; default 60
---@field parallel? integer creations at the same time; default twice the processors, 4 to 16
---@field progress? fun(what: string, part: string, current: integer, total: integer)

local known = {
  pool_size = "number", max_size = "number", sandbox_type = "string", config = "table",
  name = "string", max_waiters = "number", max_uses = "number", max_age = "number",
  idle_ttl = "number", parallel = "number", progress = "function",
}
local whole = { pool_size = 0, max_size = 1, max_waiters = 1, max_uses = 0, parallel = 1 }
local most = 10000

local function check_numbers(options, op)
  for name, least in pairs(whole) do
    local value = options[name]
    local integer = value and math.tointeger(value)
    if value and not (integer and integer >= least
      and (name == "max_waiters" or name == "max_uses" or integer <= most)) then
      return nil, errors.new("invalid", ("%s: expected a whole number, %d or more%s, got %s")
        :format(name, least, integer and integer > most and (", at most %d"):format(most) or "",
        errors.show(value)), op)
    end
    options[name] = integer
  end
  for _, name in ipairs({ "max_age", "idle_ttl" }) do
    local fine, err = errors.check_time(op, name, options[name])
    if not fine then
      return nil, err
    end
  end
  if options.max_size and options.max_size < options.pool_size then
    return nil, errors.new("invalid", ("max_size: expected at least pool_size (%d), got %d")
      :format(options.pool_size, options.max_size), op)
  end
  return options
end

---@param given enclave.PoolOptions|integer|nil
---@param sandbox_type string|nil
---@param config table|nil
---@param op string
---@return enclave.PoolOptions|nil options a copy with the defaults
---@return enclave.Error? err
function pool_options.read(given, sandbox_type, config, op)
  errors.check(op, "pool_size", given, "number|table|nil")
  errors.check(op, "sandbox_type", sandbox_type, "string|nil")
  errors.check(op, "config", config, "table|nil")
  local options = {}
  if type(given) == "table" then
    if sandbox_type or config then
      errors.throw(op, "sandbox_type and config belong into the table of options")
    end
    errors.check_options(op, given, known)
    for name, value in pairs(given) do
      options[name] = value
    end
  else
    options.pool_size, options.sandbox_type, options.config = given, sandbox_type, config
  end
  options.pool_size = options.pool_size or 1
  options.sandbox_type = options.sandbox_type or "docker"
  options.name = options.name or "default"
  if options.name == "" or #options.name > 63 or options.name:find("%c") then
    return nil, errors.new("invalid", ("name: expected 1 to 63 characters that can be shown,"
      .. " got %s"):format(errors.show(options.name)), op)
  end
  return check_numbers(options, op)
end

---@param options enclave.PoolOptions
---@return table # what the C core takes
function pool_options.core(options)
  return { name = options.name, size = options.pool_size, max_size = options.max_size,
    max_waiters = options.max_waiters, max_uses = options.max_uses, max_age = options.max_age,
    idle_ttl = options.idle_ttl, parallel = options.parallel }
end

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b
  end
  for key, value in pairs(a) do
    if not equal(value, b[key]) then
      return false
    end
  end
  for key in pairs(b) do
    if a[key] == nil then
      return false
    end
  end
  return true
end

---@param a enclave.PoolOptions
---@param b enclave.PoolOptions
---@return boolean # they ask for the same pool
function pool_options.same(a, b)
  for name in pairs(known) do
    if name ~= "progress" and not equal(a[name], b[name]) then
      return false
    end
  end
  return true
end

return pool_options
