-- enclave-lua tools: which tools there are, and the check of a tool file.
local check = require "enclave.plugins.check"
local console = require "enclave.cli.console"
local driver = require "enclave.driver"
local json = require "enclave.json"
local registry = require "enclave.plugins.registry"
local suggest = require "enclave.suggest"
local tool_tables = require "enclave.plugins.tool_tables"
local toolset = require "enclave.toolset"

local tools = {
  name = "tools",
  summary = "List the tools",
  description = "Lists the tools: the built-in ones, those of $ENCLAVE_PATH, and of --tools.",
  options = {
    { "--tools", "PATH", "File or folder with more tools.", many = true },
    { "--check", "FILE", "Check a file with a tool, hook, route or language instead: what is"
      .. " wrong, and what could be better.", many = true },
    { "--sandbox-type", "TYPE", "Only those for this kind of sandbox: docker,"
      .. " docker_notebook.", default = "docker" },
    { "--json", nil, "As JSON, in the form that language models take." },
    { "--markdown", nil, "Their parameters and options as tables in Markdown." },
  },
  examples = {
    { "enclave-lua tools --tools ./tools", "with those of a folder" },
    { "enclave-lua tools --check my_tool.lua", "what is wrong with it, if anything" },
    { "enclave-lua tools --json", "their names, descriptions and JSON Schemas" },
  },
}

local function check_files(args)
  local reports = json.array()
  for i, path in ipairs(args.check) do
    reports[i] = check.file(path)
  end
  if args.json then
    console.write(json.encode(reports), "\n")
  end
  local code = 0
  for _, report in ipairs(reports) do
    code = report.ok and code or 1
    if not args.json then
      console.write(table.concat(check.lines(report), "\n"), "\n")
    end
  end
  return code
end

function tools.run(args)
  if #args.check > 0 then
    return check_files(args)
  end
  assert(driver.find(args.sandbox_type, {}, "tools"))
  local known = assert(registry.new({ tools = args.tools }))
  local offered = assert(toolset.new(known, args.sandbox_type, nil, "tools"))
  if args.markdown then
    console.write(tool_tables.markdown(offered:list()), "\n")
    return 0
  elseif args.json then
    console.write(json.encode(offered:schemas()), "\n")
    return 0
  end
  local rows = { { "NAME", "VERSION", "SANDBOXES", "WHAT IT DOES", "FROM" } }
  for _, tool in ipairs(offered:list()) do
    rows[#rows + 1] = { tool.name, tool.version, tool.sandbox_types
      and table.concat(suggest.names(tool.sandbox_types), " ") or "all", tool.description,
      tool.builtin and "built in" or tool.path }
  end
  console.write(table.concat(console.table(rows, 5), "\n"), "\n")
  return 0
end

return tools
