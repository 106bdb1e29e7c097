-- Sandboxes of their own: made, used, removed.
local errors = require "enclave.errors"
local json = require "enclave.json"
local events = require "enclave.http.events"
local policy = require "enclave.http.policy"

local function create(request, server)
  local given, err = request:json_object()
  if not given then
    return nil, err
  end
  local kind, config, fine, id
  kind, err = policy.sandbox_type(server.policy, request.query.sandbox_type)
  if not kind then
    return nil, err
  end
  config, err = policy.config(server.policy, given, kind)
  if not config then
    return nil, err
  end
  fine, err = policy.room(server, 1)
  if not fine then
    return nil, err
  end
  server.creating = server.creating + 1
  local _ <close> = setmetatable({}, { __close = function()
    server.creating = server.creating - 1
  end })
  id, err = server.manager:create_sandbox(kind, config)
  if not id then
    return nil, policy.bad_request(err)
  end
  return { sandbox_id = id }
end

-- The call's own timeout counts where the tool knows one and none was given.
local function with_timeout(manager, call, parameters)
  local tools = manager:get_sandbox_tools(call.sandbox_id)
  local tool = tools and tools[call.tool_name]
  local properties = tool and tool["function"].parameters.properties
  if properties and properties.timeout and parameters.timeout == nil then
    parameters.timeout = call.timeout
  end
  return parameters
end

local function execute(request, server)
  local call, err = request:json_object()
  if not call then
    return nil, err
  end
  local stream
  stream, err = request:flag("stream")
  if err then
    return nil, err
  end
  for name, value in pairs(call) do
    if value == json.null then
      call[name] = nil
    end
  end
  for _, name in ipairs({ "sandbox_id", "tool_name" }) do
    if type(call[name]) ~= "string" then
      return nil, errors.new("invalid", ("%s: expected a string, got %s"):format(name,
        errors.show(call[name])), "request")
    end
  end
  local parameters = call.parameters or {}
  if type(parameters) ~= "table" then
    return nil, errors.new("invalid", "parameters: expected an object", "request")
  end
  if call.timeout ~= nil then
    parameters = with_timeout(server.manager, call, parameters)
  end
  parameters = policy.parameters(server.policy, parameters)
  if not stream then
    return request:result(server.manager:execute_tool(call.sandbox_id, call.tool_name,
      parameters))
  end
  return events.run(request, function(output)
    return server.manager:execute_tool(call.sandbox_id, call.tool_name, parameters, output)
  end)
end

local function done(message)
  return function(fine, err)
    return fine and { message = message } or nil, err
  end
end

local function pool_of(server, id)
  for _, entry in pairs(server.manager.pools) do
    if entry.handed and entry.handed[id] then
      return entry
    end
  end
end

-- Clients of other systems delete the sandboxes of their pool one by one when they are done with
-- it: those that /pool/initialize handed to them, whatever the pool replaced them by. The pool
-- ends with the last of them, unless someone uses it.
local function delete(request, server)
  local entry = pool_of(server, request.id)
  if not entry then
    return done("Sandbox deleted")(server.manager:delete_sandbox(request.id))
  end
  entry.handed[request.id] = nil
  local stats = entry.pool:stats()
  if next(entry.handed) then
    return { message = "Sandbox given up; its pool stays until all are" }
  elseif stats and (stats.busy > 0 or stats.waiting > 0) then
    return { message = "Sandbox given up; its pool is in use, and stays" }
  end
  return done("Sandbox given up, and its pool closed")(server.manager:close_pool(entry.name))
end

-- The tools of many sandboxes are mostly the same: each is written once.
local function with_ready_tools(list)
  local known = {}
  for _, info in ipairs(list) do
    for name, tool in pairs(info.available_tools) do
      local parameters = tool["function"].parameters
      if not known[name] or known[name].parameters ~= parameters then
        known[name] = { parameters = parameters, json = json.ready(json.encode(tool)) }
      end
      info.available_tools[name] = known[name].json
    end
  end
  return json.array(list)
end

local message = { ["application/json"] = { type = "object", required = { "message" } } }
local ok = { ["application/json"] = { type = "object", required = { "ok" } } }
local bytes_of_any_kind = { ["application/octet-stream"] = {} }
local file_path = { type = "string", required = true,
  description = "Relative to the work folder, or absolute" }

return {
  name = "sandbox", api = 1,
  routes = {
    { "POST", "/sandbox/create", create, { summary = "Make a sandbox", fails = { 400 },
      query = { sandbox_type = { type = "string", default = "docker" } },
      body = { ["application/json"] = "SandboxConfig" }, reply = { ["application/json"] = {
        type = "object", required = { "sandbox_id" } } } } },
    { "POST", "/sandbox/tool/execute", execute, { summary = "Run a tool in a sandbox",
      runs_tool = true, fails = { 400, 404, 409 }, body_required = true,
      query = { stream = { type = "boolean" } },
      body = { ["application/json"] = { type = "object", required = { "sandbox_id",
        "tool_name" }, properties = { sandbox_id = { type = "string" },
        tool_name = { type = "string" }, timeout = { type = json.array{ "number", "null" } },
        parameters = { ["$ref"] = "#/components/schemas/ToolParameters" } } } },
      reply = { ["application/json"] = "Result", ["text/event-stream"] = { type = "string" } } } },
    { "GET", "/sandboxes", function(request, server)
      local list, err = server.manager:list_sandboxes(request.query.status)
      return list and with_ready_tools(list), err
    end, { summary = "The sandboxes", fails = { 400 }, query = { status = { type = "string" } },
      reply = { ["application/json"] = { type = "array", items = { ["$ref"] =
        "#/components/schemas/Sandbox" } } } } },
    { "GET", "/sandbox/{id}", function(request, server)
      return server.manager:get_sandbox_info(request.id)
    end, { summary = "A sandbox", fails = { 404 }, reply = { ["application/json"] = "Sandbox" } } },
    { "DELETE", "/sandbox/{id}", delete, { summary = "End a sandbox and forget it; of a pool: give"
      .. " it up, the pool closes with the last one", fails = { 404 }, reply = message } },
    { "POST", "/sandbox/{id}/stop", function(request, server)
      local fine, err = server.manager:stop_sandbox(request.id)
      if err and err.code == "closed" and server.manager:get_sandbox_info(request.id) then
        return { message = "Sandbox stopped before" }
      end
      return done("Sandbox stopped")(fine, err)
    end, { summary = "End a sandbox", fails = { 404 }, reply = message } },
    { "GET", "/sandbox/{id}/tools", function(request, server)
      return server.manager:get_sandbox_tools(request.id)
    end, { summary = "What a sandbox offers", fails = { 404 }, reply = { ["application/json"] = {
      type = "object", additionalProperties = { ["$ref"] = "#/components/schemas/Tool" } } } } },
    { "POST", "/sandbox/{id}/archive", function(request, server)
      local info, err = server.manager:get_sandbox_info(request.id)
      if not info then
        return nil, err
      elseif request.body == "" then
        return nil, errors.new("invalid", "the body is empty; expected a tar archive", "request")
      end
      local fine
      fine, err = server.manager:put_archive(request.id, request.body, request.query.target_dir)
      return fine and { ok = true }, err
    end, { summary = "Unpack a tar archive", fails = { 400, 404, 413 }, body_required = true,
      body = { ["application/x-tar"] = {} }, query = { target_dir = { type = "string" } },
      reply = ok } },
    { "GET", "/sandbox/{id}/files", function(request, server)
      local path, err = request:required("path")
      if not path then
        return nil, err
      end
      local most = policy.bytes(server.options.max_body or "256m")
      local wanted = request.query.max_size and policy.bytes(request.query.max_size)
      if request.query.max_size and not wanted then
        return nil, errors.new("invalid", ('max_size: expected a size such as "1m", got %s'):format(
          errors.show(request.query.max_size)), "request")
      end
      local bytes
      bytes, err = server.manager:get_file(request.id, path,
        { max_size = math.floor(math.min(wanted or most, most)) })
      return bytes, err, { raw = true, headers = { ["Content-Type"] = "application/octet-stream" } }
    end, { summary = "Download a file", fails = { 400, 404 }, query = { path = file_path,
      max_size = { type = "string", description = 'Bytes, or such as "1m": more is an error' } },
      reply = bytes_of_any_kind } },
    { "PUT", "/sandbox/{id}/files", function(request, server)
      local path, err = request:required("path")
      if not path then
        return nil, err
      end
      local mode = request.query.mode
      if mode and not mode:find("^[0-7][0-7]?[0-7]?[0-7]?$") then
        return nil, errors.new("invalid", ("mode: expected octal digits such as 755, got %s")
          :format(errors.show(mode)), "request")
      end
      local fine
      fine, err = server.manager:put_file(request.id, path, request.body,
        { mode = mode and tonumber(mode, 8) })
      return fine and { ok = true }, err
    end, { summary = "Upload a file", fails = { 400, 404, 413 }, query = { path = file_path,
      mode = { type = "string", description = "Its permissions, octal: 755" } },
      body_required = true, body = bytes_of_any_kind, reply = ok } },
  },
}
