-- The description of the server's API in the terms of OpenAPI 3.1, made of the tables of routes
-- and tools.
local core = require "enclave.core"
local json = require "enclave.json"

local openapi = {}

local function ref(name)
  return { ["$ref"] = "#/components/schemas/" .. name }
end

local text, number, integer, object, boolean = { type = "string" }, { type = "number" },
  { type = "integer" }, { type = "object" }, { type = "boolean" }
local size, texts = { type = json.array{ "string", "integer" } }, { type = "array", items = text }
local function either(...)
  return { type = json.array{ ... } }
end
local function one_of(...)
  return { type = "string", enum = { ... } }
end

local results = { "success", "error", "timeout", "cancelled" }
local statuses = { "initializing", "running", "idle", "busy", "stopping", "stopped", "error" }

local schemas = {
  Error = { type = "object", required = { "detail" }, properties = {
    detail = { type = "string", description = "One sentence" },
    code = { type = "string", description = "What kind: invalid, not_found, timeout, …" } } },
  Result = { type = "object",
    required = { "tool_name", "status", "output", "error", "execution_time", "timestamp",
      "metadata" },
    properties = { tool_name = text, status = { type = "string", enum = results },
      output = text, error = { type = json.array{ "string", "null" } },
      execution_time = { type = json.array{ "number", "null" }, description = "Seconds" },
      timestamp = { type = "string", format = "date-time" }, metadata = { type = "object",
        description = "output_base64, error_base64: the bytes of what is not UTF-8" } } },
  Sandbox = { type = "object",
    required = { "id", "status", "type", "config", "created_at", "updated_at", "metadata",
      "available_tools" },
    properties = { id = text, status = { type = "string", enum = statuses }, type = text,
      config = object, created_at = { type = "string", format = "date-time" },
      updated_at = { type = "string", format = "date-time" }, metadata = object,
      available_tools = { type = "object", additionalProperties = ref "Tool" } } },
  Tool = { type = "object", required = { "type", "function" }, properties = {
    type = { const = "function" },
    ["function"] = { type = "object", required = { "name", "description", "parameters" },
      properties = { name = text, description = text, parameters = object } } } },
  SandboxConfig = { type = "object", properties = { image = text, working_dir = text,
    timeout = { type = "number", description = "Seconds a run may take when it does not say" },
    max_timeout = { type = "number", description = "Seconds a run may ask for" },
    env_vars = object, user = either("string", "integer"), command = either("string", "array"),
    memory_limit = size, cpu_limit = number, pids_limit = integer, resource_limits = object,
    max_output_size = size, network_enabled = boolean, network = either("string", "null"),
    extra_hosts = object, ports = object, volumes = object, tmpfs = either("object", "array"),
    read_only = boolean, privileged = boolean, cap_add = texts, security_opt = texts,
    pull = one_of("missing", "always", "never"), registry_auth = object, platform = text,
    runtime = text, reuse = one_of("reset", "fresh", "keep"), warm = texts, preload = texts,
    channel = one_of("auto", "agent", "exec"), remove_on_exit = boolean,
    tools_config = either("object", "array") } },
}

-- What a route that says nothing about it answers.
local any = { ["application/json"] = {} }

local function content(types)
  local map = {}
  for kind, schema in pairs(types) do
    map[kind] = { schema = type(schema) == "string" and ref(schema) or schema }
  end
  return map
end

local function parameters_of(route)
  local list = json.array()
  for name in route.pattern:gmatch("{([%a_]+)}") do
    list[#list + 1] = { name = name, ["in"] = "path", required = true, schema = text }
  end
  local names = {}
  for name in pairs(route.info.query or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    local schema, required = {}, false
    for key, value in pairs(route.info.query[name]) do
      if key == "required" then
        required = value
      else
        schema[key] = value
      end
    end
    list[#list + 1] = { name = name, ["in"] = "query", required = required, schema = schema }
  end
  return list
end

local function operation(route)
  local info = route.info
  local path = route.pattern:gsub("[{}]", ""):gsub("[^%w]+", "_")
  local described = {
    operationId = route.method:lower() .. path,
    summary = info.summary,
    parameters = parameters_of(route),
    requestBody = info.body and { required = info.body_required or false,
      content = content(info.body) } or nil,
    responses = {
      ["200"] = { description = "It went well", content = content(info.reply or any) },
      default = { description = "It did not", content = content{ ["application/json"] =
        "Error" } },
    },
  }
  for _, status in ipairs(info.fails or {}) do
    described.responses[tostring(status)] = { description = openapi.failures[status],
      content = content{ ["application/json"] = "Error" } }
  end
  return described
end

openapi.failures = { [400] = "Something in the request is not right",
  [404] = "There is no such thing", [408] = "The wait for a sandbox took too long",
  [409] = "It was stopped before", [413] = "The body is too large",
  [422] = "Something in the request is not right",
  [503] = "The queue is full; Retry-After says when to come again",
  [504] = "There is no room now; come again" }

---@param server enclave.Server
---@return table
function openapi.document(server)
  local all, parameters, paths = {}, json.array(), {}
  for name, schema in pairs(schemas) do
    all[name] = schema
  end
  for _, tool in ipairs(server.manager.registry:tools()) do
    all["tool_" .. tool.name] = tool.parameters
    parameters[#parameters + 1] = ref("tool_" .. tool.name)
  end
  all.ToolParameters = { anyOf = parameters, description = "The parameters of the tool" }
  for _, route in ipairs(server.routes:list()) do
    paths[route.pattern] = paths[route.pattern] or {}
    paths[route.pattern][route.method:lower()] = operation(route)
  end
  local document = { openapi = "3.1.0", paths = paths, components = { schemas = all },
    info = { title = "Enclave", version = core.version, description = "Fresh, isolated places to"
      .. " run code in: single sandboxes, and pools that are kept warm." } }
  if server.options.api_key then
    document.components.securitySchemes = {
      key = { type = "apiKey", ["in"] = "header", name = "X-API-Key" },
      bearer = { type = "http", scheme = "bearer" } }
    document.security = { { key = json.array() }, { bearer = json.array() } }
  end
  return document
end

return openapi
