-- The parameters and options of tools as Markdown, from the tool files themselves.
local json = require "enclave.json"
local suggest = require "enclave.suggest"

local tool_tables = {}

-- What a schema takes, in a few words.
local function kind_of(node)
  if node.enum then
    local shown = {}
    for i, choice in ipairs(node.enum) do
      shown[i] = json.encode(choice)
    end
    return table.concat(shown, ", ")
  end
  local alternatives = node.anyOf or node.oneOf
  if alternatives then
    local kinds = {}
    for i, alternative in ipairs(alternatives) do
      kinds[i] = kind_of(alternative)
    end
    return table.concat(kinds, " or ")
  elseif node.type == "array" and node.items then
    return "list of " .. kind_of(node.items)
  elseif node.type == "object" and type(node.additionalProperties) == "table" then
    return "map to " .. kind_of(node.additionalProperties)
  elseif node.type == "object" and node.properties then
    local names = {}
    for _, name in ipairs(suggest.names(node.properties)) do
      names[#names + 1] = name .. ": " .. kind_of(node.properties[name])
    end
    return "{ " .. table.concat(names, ", ") .. " }"
  end
  return type(node.type) == "table" and table.concat(node.type, " or ") or node.type or "any"
end

local function cell(text)
  return (text:gsub("[|*]", "\\%0"):gsub("\n", " "))
end

local function add_table(lines, head, node)
  local required = {}
  for _, name in ipairs(node.required or {}) do
    required[name] = true
  end
  lines[#lines + 1] = ("| %s | type | default | |"):format(head)
  lines[#lines + 1] = "|---|---|---|---|"
  for _, name in ipairs(suggest.names(node.properties or {})) do
    local property = node.properties[name]
    local default = property.default ~= nil and "`" .. json.encode(property.default) .. "`"
    lines[#lines + 1] = ("| `%s` | %s | %s | %s |"):format(name, cell(kind_of(property)),
      default or required[name] and "required" or "", cell(property.description or ""))
  end
  lines[#lines + 1] = ""
end

-- The sandbox types that it does not run in all of.
local function types_of(tool)
  local names = suggest.names(tool.sandbox_types or {})
  return #names == 1 and (" In sandboxes of type `%s`."):format(names[1]) or ""
end

---@param tools enclave.Tool[]
---@return string
function tool_tables.markdown(tools)
  local lines = {}
  for _, tool in ipairs(tools) do
    lines[#lines + 1] = "### " .. tool.name
    lines[#lines + 1] = ""
    lines[#lines + 1] = tool.description .. "." .. types_of(tool)
    lines[#lines + 1] = ""
    add_table(lines, "parameter", tool.parameters)
    if tool.config then
      add_table(lines, "in `tools_config`", tool.config)
    end
  end
  return table.concat(lines, "\n")
end

return tool_tables
