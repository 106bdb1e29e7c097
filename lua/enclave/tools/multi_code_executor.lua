-- Programs in many languages. What is particular to one stands in its data file,
-- lua/enclave/languages/NAME.lua; what is done with it in lua/enclave/multi_code/.
local transfer = require "enclave.files.transfer"

local seconds = { type = "number", exclusiveMinimum = 0 }
local strings = { type = "array", items = { type = "string" } }

local function with(node, description)
  local copy = {}
  for key, value in pairs(node) do
    copy[key] = value
  end
  copy.description = description
  return copy
end

return {
  name = "multi_code_executor",
  version = "1.0.0",
  api = 1,
  description = "Build and run a program in one of many languages, once or for many test cases",
  parameters = {
    type = "object",
    required = { "language" },
    additionalProperties = false,
    properties = {
      language = { type = "string", minLength = 1,
        description = "python, cpp, java, …, or an alias such as js or c++" },
      code = { type = "string", description = "The main file's text; or leave it out and have"
        .. " that file among files" },
      file = { type = "string", minLength = 1, description = "The main file's name; default:"
        .. " what the language calls it" },
      files = with(transfer.parameters.files, "More files: name -> text, or { base64: … };"
        .. " folders are made"),
      fetch_files = transfer.parameters.fetch_files,
      folder = { type = "string", minLength = 1, description = "Folder inside the work folder"
        .. " to do all this in; default: the work folder" },
      stdin = { type = "string", description = "What the program reads from standard input" },
      args = with(strings, "The program's arguments"),
      env = { type = "object", additionalProperties = { type = "string" },
        description = "Environment variables of build and run" },
      compile_timeout = with(seconds, "Seconds that the build may take"),
      run_timeout = with(seconds, "Seconds that the run, or each case, may take"),
      timeout = with(seconds, "Another name of run_timeout"),
      cpu_timeout = with(seconds, "Seconds of processor time that the run, or each case, may"
        .. " take"),
      memory_limit = { anyOf = { { type = "integer", minimum = 1 }, { type = "string" } },
        description = 'Memory of the run, or each case: bytes, or "256m"; default: the'
          .. " sandbox's" },
      output_limit = { type = "integer", minimum = 1,
        description = "Bytes of output that are kept of the run, or each case" },
      cases = { type = "array", maxItems = 10000, minItems = 1,
        description = "Run what was built once for each; every one gets a verdict in"
          .. " metadata.cases",
        items = { type = "object", additionalProperties = false, properties = {
          stdin = { type = "string" }, args = with(strings, "Default: args of the call"),
          files = with(transfer.parameters.files, "Files that only this case has"),
          expected = { type = "string", description = "What it has to print; without it the"
            .. " exit code alone counts" },
        } } },
      with_version = { type = "boolean", default = false, description = "Tell in"
        .. " metadata.version what the language's programs call themselves" },
      compare = { enum = { "lines", "exact", "tokens" }, default = "lines",
        description = "lines: white space at ends of lines and empty lines at the end do not"
          .. " count; tokens: white space only separates" },
      tolerance = { type = "number", minimum = 0, description = "Tokens that are numbers may"
        .. " differ by so much, or so much of their size; compares tokens" },
      parallel = { type = "integer", minimum = 1, description = "Cases at a time; default and"
        .. " most: the sandbox's processors" },
      stop_on_failure = { type = "boolean", default = false,
        description = "Cases after the first that is not accepted are not_run" },
      case_output = { type = "integer", minimum = 0, default = 4096, description = "Bytes of"
        .. " each stream of a case with expected that are returned; at most 4096 of any once all"
        .. " together are 64 MiB" },
    },
  },
  config = {
    type = "object",
    additionalProperties = false,
    properties = {
      compile_timeout = with(seconds, "Default of compile_timeout"),
      run_timeout = with(seconds, "Default of run_timeout"),
      build_cache = { type = "integer", minimum = 0, maximum = 1 << 30, default = 64 << 20,
        description = "Bytes that the build cache may hold; 0: no cache" },
    },
  },
  sandbox_types = { "docker" },
  budget = 1 << 50, -- many cases with much output take long to compare; detect has its own
  warm = { "python3", "sh" },
  -- Loaded with the first call: most programs that load the tools make none.
  execute = function(sandbox, params, context)
    return require("enclave.multi_code.execute")(sandbox, params, context)
  end,
}
