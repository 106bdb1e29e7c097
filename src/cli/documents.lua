-- Writes the man page and the completions of enclave-lua, from what the commands declare.
-- Run by the build: enclave-lua documents.lua FOLDER
local cli = require "enclave.cli"
local core = require "enclave.core"
local front = require "enclave.cli.front"

-- Text as roff takes it: backslashes, hyphens of options, and no control characters in front.
local function escape(text)
  text = text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub("…", "...")
  return (text:gsub("^([.'])", "\\&%1"):gsub("\n([.'])", "\n\\&%1"))
end

-- Text that may be broken into lines.
local function prose(text)
  local lines, line = {}, ""
  for word in text:gmatch("%S+") do
    if #line + #word > 64 then
      lines[#lines + 1] = line
      line = word
    else
      line = line == "" and word or line .. " " .. word
    end
  end
  lines[#lines + 1] = line
  return escape(table.concat(lines, "\n"))
end

local function add_options(out, options)
  for _, option in ipairs(options) do
    local value = option[2] and (" \\fI%s\\fR"):format(escape(option[2])) or ""
    local text = front.describe(option)
    if option.default then
      text = ("%s Default: %s."):format(text, option.default)
    end
    if option.many then
      text = text .. " Can be given several times."
    end
    out(".TP\n\\fB%s\\fR%s\n%s", escape(option[1]), value, prose(text))
  end
end

local function add_examples(out, examples)
  for _, example in ipairs(examples) do
    out(".TP\n\\fB%s\\fR\n%s", escape(example[1]), prose(example[2]))
  end
end

local function add_command(out, command)
  local words = {}
  for _, argument in ipairs(command.arguments or {}) do
    words[#words + 1] = " \\fI" .. escape(argument[1]) .. "\\fR"
  end
  out(".SS enclave\\-lua %s [options]%s", command.name, table.concat(words))
  out("%s", prose(command.description or command.summary))
  for _, argument in ipairs(command.arguments or {}) do
    out(".TP\n\\fI%s\\fR\n%s", escape(argument[1]), prose(argument[2]))
  end
  add_options(out, command.options)
end

local function man_page()
  local lines = {}
  local function out(format, ...)
    lines[#lines + 1] = format:format(...)
  end
  out('.TH ENCLAVE\\-LUA 1 2026-11-21 "Enclave %s" "User Commands"', core.version)
  out(".SH NAME\nenclave\\-lua \\- run code in warm, isolated sandboxes")
  out(".SH SYNOPSIS\n.B enclave\\-lua\n[options] [\\fIscript\\fR [\\fIarguments\\fR]]\n.br")
  out(".B enclave\\-lua\n\\fIcommand\\fR [options]")
  out(".SH DESCRIPTION")
  out("%s\n.PP", prose("A Lua 5.4 interpreter with Enclave built in, and commands for the use of"
    .. " sandboxes without a script. Every script runs as a task; SIGINT and SIGTERM close what"
    .. " was made, a second one ends the process at once."))
  out("%s", prose(front.script_rule))
  out(".SH OPTIONS")
  add_options(out, front.interpreter)
  out(".SH COMMANDS")
  for _, name in ipairs(cli.names) do
    add_command(out, cli.command(name))
  end
  out(".SH EXIT STATUS")
  for _, code in ipairs(cli.codes) do
    out(".TP\n\\fB%s\\fR\n%s", escape(code[1]), prose(code[2]))
  end
  out(".SH ENVIRONMENT")
  for _, variable in ipairs(front.variables) do
    out(".TP\n\\fB%s\\fR\n%s", escape(variable[1]), prose(variable[2]))
  end
  out(".SH EXAMPLES")
  add_examples(out, front.examples)
  for _, name in ipairs(cli.names) do
    add_examples(out, cli.command(name).examples)
  end
  out(".SH SEE ALSO\n.BR lua (1),\n.BR docker (1)")
  return table.concat(lines, "\n") .. "\n"
end

local folder = assert(..., "usage: enclave-lua documents.lua FOLDER")

local function write(name, text)
  local file <close> = assert(io.open(folder .. "/" .. name, "w"))
  assert(file:write(text))
end

write("enclave-lua.1", man_page())
for _, shell in ipairs({ "bash", "zsh", "fish" }) do
  local parser = front.parser(true)
  write("enclave-lua." .. shell, parser["get_" .. shell .. "_complete"](parser))
end
