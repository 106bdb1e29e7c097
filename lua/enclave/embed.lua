-- What a C program asks of a manager (src/embed): methods by name, JSON in and out.
local enclave = require "enclave"
local errors = require "enclave.errors"
local exact = require "enclave.exact"
local json = require "enclave.json"
local suggest = require "enclave.suggest"

local embed = {}

local methods = {}
for _, name in ipairs({ "initialize_pool", "close_pool", "execute_tool_in_pool", "get_stats",
  "create_sandbox", "get_sandbox_info", "list_sandboxes", "get_sandbox_tools", "execute_tool",
  "stop_sandbox", "delete_sandbox", "cleanup_all_sandboxes" }) do
  methods[name] = true
end

local takes_config = { initialize_pool = true, create_sandbox = true }
local lists = { initialize_pool = true, list_sandboxes = true } -- also when they are empty

-- JSON text as a value; null is nil.
local function read(text, what)
  local value, problem = json.decode(text)
  if problem then
    return nil, errors.new("invalid", ("%s: not JSON: %s"):format(what, problem), "call")
  elseif value == json.null then
    return nil
  end
  return value
end

-- Options that are null are options that were left out. The parameters of a tool stay as they
-- are, and so does tools_config: their schemas say what null means to them.
local function without_nulls(value)
  for name, member in pairs(type(value) == "table" and value or {}) do
    if member == json.null and type(name) == "string" then
      value[name] = nil
    elseif name ~= "tools_config" then
      without_nulls(member)
    end
  end
  return value
end

local function read_arguments(method, text)
  local list, err = read(text, method .. ": arguments")
  if err then
    return nil, err
  elseif type(list) ~= "table" or not text:find("^%s*%[") then
    return nil, errors.new("invalid", method .. ": arguments: expected a JSON array", "call")
  end
  for i, value in pairs(list) do
    if value == json.null then
      list[i] = nil
    elseif takes_config[method] then
      without_nulls(value)
    end
  end
  return list
end

---@param options string|nil JSON object: options of enclave.manager
---@return fun(method: string, ...): string|nil, enclave.Error?
function embed.open(options)
  local given, problem = nil, nil
  if options then
    given, problem = read(options, "manager")
    given = without_nulls(given)
  end
  if problem then
    error(problem, 0)
  end
  local manager = assert(enclave.manager(given))

  ---Calls a method with arguments in one JSON array; or, with a tool, execute_tool_in_pool.
  ---@param method string
  ---@param arguments string|nil
  ---@param tool string|nil then arguments are its parameters
  ---@param tool_options string|nil
  return function(method, arguments, tool, tool_options)
    local list, err = { n = 0 }, nil
    if tool then
      local parameters, how
      parameters, err = read(arguments or "{}", "parameters")
      if not err then
        how, err = read(tool_options or "{}", "options")
        how = without_nulls(how)
      end
      list = { tool, parameters, how, n = 3 }
    elseif not methods[method] then
      return nil, errors.new("not_found", ("there is no method %s%s"):format(errors.show(method),
        suggest.hint(method, suggest.names(methods))), "call")
    elseif arguments then
      list, err = read_arguments(method, arguments)
    end
    if err then
      return nil, err
    end
    local value
    value, err = manager[method](manager, table.unpack(list, 1, list.n or 8))
    if value == nil then
      return nil, err
    end
    return json.encode(lists[method] and json.array(value) or exact.add(value))
  end
end

return embed
