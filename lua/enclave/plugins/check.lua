-- What is wrong with a plugin file, everything at once and with lines, and what could be better:
-- for `enclave-lua tools --check FILE`.
local core = require "enclave.core"
local driver = require "enclave.driver"
local interpreters = require "enclave.interpreters"
local loader = require "enclave.plugins.loader"
local search_path = require "enclave.plugins.search_path"
local source_map = require "enclave.plugins.source_map"
local suggest = require "enclave.suggest"

local check = {}

---@class enclave.Finding
---@field level "error"|"warning"
---@field line? integer
---@field message string

---@class enclave.CheckReport
---@field path string
---@field kind? "tool"|"hook"|"route"|"language"
---@field name? string
---@field findings enclave.Finding[] in the order of their lines
---@field ok boolean no errors

local function text_of(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a") or ""
  if file then
    file:close()
  end
  return text
end

-- Fields that a model or a reader misses.
local function advise_tool(tool, add)
  if tool.description == "" then
    add("", "description: missing; models choose a tool by it")
  end
  if #tool.name > 64 or tool.name:find(".", 1, true) then
    add("name", "name: OpenAI and Anthropic take at most 64 letters, digits, _ and -")
  end
  local properties = tool.parameters.properties or {}
  for _, name in ipairs(suggest.names(properties)) do
    if not properties[name].description then
      add("parameters.properties." .. name,
        ("parameters.properties.%s: has no description"):format(name))
    end
  end
  if tool.parameters.additionalProperties == nil then
    add("parameters", "parameters.additionalProperties: is not false, so a mistyped name passes")
  end
  for _, name in ipairs(tool.parameters.required or {}) do
    if not properties[name] then
      add("parameters.required", ("parameters.required: %s is not among the properties")
        :format(name))
    end
  end
end

local kept_running = {}
for _, interpreter in pairs(interpreters) do
  kept_running[interpreter.warm or 0] = true
end

-- Names that nothing answers to: such a tool is slow, or never offered.
local function advise_names(tool, add)
  for i, name in ipairs(tool.warm) do
    if not kept_running[name] then
      add(("warm[%d]"):format(i), ('warm: "%s" is not kept running%s'):format(name,
        suggest.hint(name, suggest.names(kept_running))))
    end
  end
  for _, name in ipairs(suggest.names(tool.sandbox_types or {})) do
    local _, err = driver.find(name, {}, "check")
    if err and err.message then
      add("sandbox_types", err.message)
    end
  end
end

local function advise_clash(record, kind, path, add)
  local own = core.stat(path)
  for _, file in ipairs((search_path.files(search_path.entries(nil, nil, function() end)))) do
    local facts = core.stat(file.path)
    local itself = facts and facts.size == own.size and facts.mtime == own.mtime
    local other = file.kind == kind and not itself and loader.load(file.path, kind)
    if other and other.name == record.name then
      add("name", ("name: a %s %s is in %s too; the later on the search path is used"):format(
        kind, record.name, file.path))
    end
  end
end

---@param path string
---@param kind? "tool"|"hook"|"route"|"language" default: what the file looks like
---@return enclave.CheckReport
function check.file(path, kind)
  local record, problems
  record, problems, kind = loader.load(path, kind)
  local findings = {}
  for i, problem in ipairs(problems) do
    findings[i] = { level = "error", line = problem.line, message = problem.message }
  end
  if record then
    local line_of = source_map.of(text_of(path))
    local function add(at, message)
      findings[#findings + 1] = { level = "warning", line = line_of(at), message = message }
    end
    if kind == "tool" then
      advise_tool(record, add)
      advise_names(record, add)
    end
    if kind ~= "route" then -- those have no name of their own
      advise_clash(record, kind, path, add)
    end
  end
  table.sort(findings, function(a, b)
    if (a.line or 0) ~= (b.line or 0) then
      return (a.line or 0) < (b.line or 0)
    end
    return a.message < b.message
  end)
  return { path = path, kind = kind, name = record and record.name, findings = findings,
    ok = record ~= nil }
end

---@param report enclave.CheckReport
---@return string[] # lines "FILE:LINE: error: what", and one that sums up
function check.lines(report)
  local lines, counts = {}, { error = 0, warning = 0 }
  for _, finding in ipairs(report.findings) do
    counts[finding.level] = counts[finding.level] + 1
    lines[#lines + 1] = ("%s:%s %s: %s"):format(report.path,
      finding.line and finding.line .. ":" or "", finding.level, finding.message)
  end
  lines[#lines + 1] = ("%s: %s%s: %d error%s, %d warning%s"):format(report.path,
    report.kind or "plugin", report.name and " " .. report.name or "", counts.error,
    counts.error == 1 and "" or "s", counts.warning, counts.warning == 1 and "" or "s")
  return lines
end

return check
