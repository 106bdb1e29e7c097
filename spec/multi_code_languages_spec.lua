-- Every language for real, on an image that has their tool chains (spec/languages_image.sh):
-- the programs of multi_code_programs.lua. $ENCLAVE_LANGUAGES says which languages that image
-- has; all others have to say what they miss.
local enclave = require "enclave"
local languages = require "enclave.multi_code.languages"
local programs = require "spec.multi_code_programs"
local support = require "spec.support"

local image = os.getenv("ENCLAVE_LANGUAGES_IMAGE") or support.image
local there = {}
for name in (os.getenv("ENCLAVE_LANGUAGES") or "python bash perl"):gmatch("%S+") do
  there[name] = true
end

describe("the languages of an image", function()
  local manager
  setup(function()
    manager = assert(enclave.manager())
    assert(manager:initialize_pool{ pool_size = 1, config = { image = image, timeout = 120,
      memory_limit = "1g", cpu_limit = 2, tools_config = { multi_code_executor = {
        compile_timeout = 120 } } } })
  end)
  teardown(function()
    manager:close()
  end)

  local function call(language, code, more)
    local parameters = { language = language, code = code }
    for name, value in pairs(more or {}) do
      parameters[name] = value
    end
    return assert(manager:execute_tool_in_pool("multi_code_executor", parameters))
  end

  local function shows(result, text)
    local all = ("%s\n%s"):format(result.output, result.error or "")
    assert.is_truthy(all:find(text, 1, true), ("no %q in %s: %s"):format(text, result.status, all))
  end

  local function fails_in_run(result, status)
    assert.equal(status, result.status, result.error)
    assert.is_table(result.metadata.run)
    assert.equal(status, result.metadata.run.status)
  end

  for name, program in pairs(programs) do
    if there[name] then
      describe(name, function()
        it("says hello", function()
          local result = call(name, program.hello, { with_version = true })
          assert.equal("success", result.status, result.error)
          shows(result, program.says or "hi")
          assert.matches("%d+%.%d+", result.metadata.version)
          assert.equal(program.build, result.metadata.build and true)
          assert.equal(0, result.metadata.run.exit_code)
        end)

        it("reads its input", function()
          local result = call(name, program.input, { stdin = "a line\nand more\n",
            args = program.input_args })
          assert.equal("success", result.status, result.error)
          shows(result, "got a line")
        end)

        it("is judged by cases", function()
          local result = call(name, program.input, { args = program.input_args,
            cases = { { stdin = "one\n" }, { stdin = "two\n" } } })
          assert.equal("accepted", result.metadata.verdict, result.error)
          for i, word in ipairs({ "one", "two" }) do
            local case = result.metadata.cases[i]
            shows({ output = case.stdout, error = case.stderr }, "got " .. word)
          end
        end)

        it("complains about a broken program", function()
          local result = call(name, program.broken)
          assert.equal("error", result.status)
          shows(result, program.complaint)
          if program.build then
            assert.equal("error", result.metadata.build.status)
            assert.is_nil(result.metadata.run)
          end
        end)

        it("tells that a program failed", function()
          local result = call(name, program.crash)
          fails_in_run(result, "error")
          assert.are_not.equal(0, result.metadata.run.exit_code)
        end)

        it("ends a program that does not end", function()
          local result = call(name, program.endless, { run_timeout = 1 })
          fails_in_run(result, "timeout")
          assert.is_true(result.metadata.run.time >= 1)
        end)

        it("has several files", function()
          local result = call(name, program.many[1], { files = program.many[2] })
          assert.equal(program.many.fails and "error" or "success", result.status, result.error)
          shows(result, "from lib")
        end)

        if program.build then
          it("builds once what is built again", function()
            local result = call(name, program.many[1], { files = program.many[2] })
            assert.is_true(result.metadata.build.cached, result.error)
            shows(result, "from lib")
          end)
        end
      end)
    end
  end

  it("are told, and of the others what they miss", function()
    local names = {}
    for _, language in ipairs(languages.set():list()) do
      if there[language.name] then
        names[#names + 1] = language.name
      end
    end
    for _, language in ipairs(languages.set():list()) do
      if not there[language.name] then
        local result = call(language.name, "")
        assert.equal("error", result.status, language.name)
        assert.is_true(#result.metadata.missing > 0)
        for name in pairs(there) do
          assert.is_truthy(table.concat(result.metadata.languages, " "):find(name, 1, true))
        end
      end
    end
    assert.is_true(#names > 0)
  end)
end)
