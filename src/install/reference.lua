-- Writes the API reference out of what stands beside the code: the annotations of the Lua files
-- and the comments of the C header. Run by the build, from the root of the project:
--   enclave-lua src/install/reference.lua FILE
-- As a module it gives the entries, for the spec that looks for what has no annotation.
local reference = {}

-- What a program has in its hands, where it is written, and what it is called in the reference:
-- the name in the file → the name of the reader.
local chapters = {
  { "The module", "`local enclave = require \"enclave\"`.",
    { "init.lua", enclave = "enclave." },
    { "gather.lua", returned = "enclave.gather" },
    { "oneshot.lua", returned = "enclave.sandbox" } },
  { "Managers", "What `enclave.manager` gives. One with `base_url` has the same methods; listeners"
    .. " and progress do not go over HTTP.",
    { "manager.lua", Manager = "manager:" }, { "pools.lua", Pools = "manager:" },
    { "sandboxes.lua", Sandboxes = "manager:" }, { "remote.lua", Remote = "manager:" } },
  { "Sandboxes", "What `enclave.sandbox` gives, and what tools and hooks get.",
    { "sandbox.lua", ["core.Sandbox"] = "sandbox:" }, { "meta.lua", Sandbox = "sandbox:" } },
  { "Runs and streams", "What `sandbox:start` and `sandbox:stream` give.",
    { "meta.lua", Run = "run:" }, { "stream.lua", Stream = "stream:" } },
  { "Tasks", "What `enclave.spawn` gives.", { "meta.lua", Task = "task:" } },
  { "The HTTP server", "`require(\"enclave.server\")`; its command is `enclave-lua serve`.",
    { "server.lua", server = "server.", Server = "server:" } },
  { "Requests", "What a route of one's own gets; `reply` is `request.reply`. It returns a value"
    .. " that is answered as JSON, or nil and an error, or its words. With `value, nil, { status ="
    .. " 201, headers = { … } }` the answer has these; with `raw = true` there the value is its"
    .. " bytes.",
    { "http/request.lua", Request = "request:" }, { "http/handler.lua", Request = "request:" },
    { "meta.lua", HttpReply = "reply:" } },
  { "JSON", "`enclave.json`.", { "json.lua", json = "enclave.json." } },
}

-- Tables that go into those functions and come out of them.
local tables = { { "meta.lua", "Error", "Sandbox", "RunResult", "core.Exec" },
  { "result.lua", "Result" },
  { "manager.lua", "ManagerOptions" }, { "remote.lua", "RemoteOptions" },
  { "pool_options.lua", "PoolOptions" }, { "pools.lua", "CallOptions" },
  { "execute.lua", "Listeners", "ToolContext" }, { "sandbox.lua", "RunOptions" },
  { "gather.lua", "Gathered" }, { "server.lua", "ServerOptions" },
  { "http/policy.lua", "HttpPolicy" }, { "http/request.lua", "Request" },
  { "http/routes.lua", "RouteInfo" }, { "plugins/definitions.lua", "Tool", "Hook" } }

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

-- Blocks of "---" lines, each with the line of code that follows it.
local function blocks(path)
  local found, block = {}, {}
  for line in read(path):gmatch("([^\n]*)\n") do
    local comment = line:match("^%-%-%- ?(.*)")
    if comment and not comment:find("^@") and (block[#block] or ""):find("^@") then
      block[#block] = block[#block] .. " " .. comment:match("^%s*(.*)") -- goes on
    elseif comment then
      block[#block + 1] = comment
    else
      if block[1] or line:find("^function ") then
        found[#found + 1] = { lines = block, code = line }
      end
      block = {}
    end
  end
  return found
end

-- A block as text, arguments, returned values and fields.
local function parse(lines)
  local parts = { text = {}, param = {}, ["return"] = {}, field = {} }
  for _, line in ipairs(lines) do
    local tag, rest = line:match("^@(%w+)%s*(.*)")
    if parts[tag] then
      table.insert(parts[tag], rest)
    elseif not tag then
      table.insert(parts.text, line)
    end
  end
  return parts
end

-- "name? type text": types have no spaces but in brackets and after commas, colons and bars.
local function split(text)
  local at, depth = 1, 0
  while at <= #text do
    local c = text:sub(at, at)
    depth = depth + (c:find("[({<]") and 1 or c:find("[)}>]") and -1 or 0)
    if c == " " and depth == 0 and not text:sub(1, at - 1):find("[,:|]$") then
      break
    end
    at = at + 1
  end
  return text:sub(1, at - 1), (text:sub(at + 1):gsub("^# *", ""))
end

local function item(out, name, kind, text)
  out(("- %s%s%s"):format(name and ("`%s`: "):format(name) or "", kind and ("`%s`"):format(kind)
    or "", text ~= "" and " – " .. text or ""))
end

local function add_named(out, list)
  for _, rest in ipairs(list) do
    local name, after = rest:match("^(%S+)%s*(.*)")
    item(out, name, split(after))
  end
end

local function add_function(out, entry)
  out(("\n### `%s%s`\n"):format(entry.name, entry.arguments))
  local parts = entry.parts
  if parts.text[1] then
    out(table.concat(parts.text, "\n") .. "\n")
  end
  add_named(out, parts.param)
  local returned = {}
  for _, rest in ipairs(parts["return"]) do
    local kind, text = split(rest)
    returned[#returned + 1] = ("`%s`%s"):format(kind, text ~= "" and " " .. text or "")
  end
  if returned[1] then
    out("- returns " .. table.concat(returned, ", "))
  end
end

---The functions of the Lua side, by chapter: name, arguments, parts.
---@return table[] # { title, intro, entries }
function reference.lua()
  local found = {}
  for _, chapter in ipairs(chapters) do
    local entries, seen = {}, {} -- what two files have is told of once
    for i = 3, #chapter do
      local source = chapter[i]
      for _, block in ipairs(blocks("lua/enclave/" .. source[1])) do
        local owner, how, name, arguments =
          block.code:match("^function ([%w_.]-)([.:])([%w_]+)(%b())")
        local prefix = owner and not name:find("^__") and source[owner]
        prefix = prefix and prefix:sub(-1) == how and prefix
        if source.returned and block.code:find("^return function") then
          prefix, name, arguments = source.returned, "", block.code:match("%b()")
        end
        if prefix and not seen[prefix .. name] then
          seen[prefix .. name] = true
          entries[#entries + 1] = { name = prefix .. name, arguments = arguments,
            parts = parse(block.lines), file = "lua/enclave/" .. source[1] }
        end
      end
    end
    found[#found + 1] = { title = chapter[1], intro = chapter[2], entries = entries }
  end
  return found
end

---The functions of the C header: name, declaration, text (the comment before it).
---@return table[]
function reference.c()
  local found, header = {}, read("include/enclave/enclave.h") .. read("include/enclave/error.h")
  local after = 1
  for from, declaration, to in header:gmatch("\n()ENCLAVE_API (.-;)()") do
    local before = header:sub(after, from - 1)
    -- The comment right before it; functions in one paragraph share one.
    local comment = before:match(".*/%*(.-)%*/\n[^/]-$")
    local shared = not comment and before:match("^%s*$") and not before:find("\n\n", 1, true)
    found[#found + 1] = { name = declaration:match("([%w_]+)%("),
      declaration = declaration:gsub("\n%s+", " "),
      text = shared and found[#found].text
        or comment and comment:gsub("\n%s*%*", "\n"):gsub("\n +", "\n"):match("^%s*(.-)%s*$") }
    after = to
  end
  return found
end

local function add_table(out, path, class)
  for _, block in ipairs(blocks(path)) do
    for i, line in ipairs(block.lines) do
      local name, text = line:match("^@class enclave%.([%w_.]+):?%s*(.*)")
      local fields = name == class and parse(block.lines).field
      if fields and fields[1] then
        out(("\n### `enclave.%s`\n"):format(class))
        text = text:gsub("^enclave%.%w+", "Also the fields of `%0`.")
        text = table.concat(block.lines, "\n", 1, i - 1) .. text
        if text ~= "" then
          out(text .. "\n")
        end
        return add_named(out, fields)
      end
    end
  end
  error(("%s: no class enclave.%s"):format(path, class))
end

---@return string # Markdown
function reference.text()
  local lines = {}
  local function out(line)
    lines[#lines + 1] = line
  end
  out([[
# The API of Enclave

Written by the build out of the annotations of the Lua files and the comments of the C header.

Expected failures return `nil, err`; a wrong type or an unknown option throws the same kind of
object, an `enclave.Error`. Times are seconds. What waits suspends the task that it is called in;
outside of a task it turns the loop until it is done.]])
  for _, chapter in ipairs(reference.lua()) do
    out(("\n## %s\n\n%s"):format(chapter.title, chapter.intro))
    for _, entry in ipairs(chapter.entries) do
      add_function(out, entry)
    end
  end
  out("\n## Tables\n\nWhat goes into those functions and comes out of them. A name with `?` may be"
    .. " left out.")
  for _, source in ipairs(tables) do
    for i = 2, #source do
      add_table(out, "lua/enclave/" .. source[1], source[i])
    end
  end
  local head = read("include/enclave/enclave.h"):match("^/%*.-\n %*\n(.-) %*/")
  out("\n## C\n\n`#include <enclave/enclave.h>`, `-lenclave`.\n\n" .. head:gsub(" %* ?", ""))
  out("")
  for _, entry in ipairs(reference.c()) do
    out(("### `%s`\n\n```c\n%s\n```\n\n%s\n"):format(entry.name, entry.declaration,
      entry.text or ""))
  end
  return table.concat(lines, "\n")
end

if arg and (arg[0] or ""):find("reference.lua", 1, true) then
  local file <close> = assert(io.open((assert(..., "usage: reference.lua FILE")), "w"))
  assert(file:write(reference.text()))
end

return reference
