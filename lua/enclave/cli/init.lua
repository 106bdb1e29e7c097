-- The commands of enclave-lua. Light to load: the interpreter asks for it whenever its first
-- argument could be a command.
local cli = {}

---The commands, in the order in which help shows them; each is enclave.cli.NAME.
cli.names = { "exec", "pool", "serve", "top", "tools", "doctor" }

---What an exit code of a command means.
cli.codes = {
  { "0", "it did what was asked; serve: also after SIGINT or SIGTERM" },
  { "1", "it failed, or something that it looked at is not right" },
  { "2", "the command line is wrong" },
  { "124", "exec: the program ran into its time limit" },
  { "125", "exec: Enclave itself failed, or the command line is wrong" },
  { "128+N", "exec: signal N ended the program; every other code is the program's own" },
  { "130, 143", "ended by SIGINT, SIGTERM, after everything was closed" },
}

---@class enclave.Command
---@field name string
---@field summary string one line
---@field description? string
---@field arguments? { [1]: string, [2]: string, optional?: boolean }[] name, description
---@field options enclave.CommandOption[]
---@field examples string[][] { command line, what it does }
---@field usage_code? integer exit code for a wrong command line; default 2
---@field failure_code? integer default 1
---@field run fun(args: table): integer? exit code

---@class enclave.CommandOption
---@field [1] string "--image" or "-n --name"
---@field [2] string|nil what stands for its value; nil: a flag
---@field [3] string what it is
---@field default? any
---@field convert? fun(text: string): any, string?
---@field choices? string[]
---@field many? boolean can be given several times

---@param name string
---@return enclave.Command
function cli.command(name)
  return require("enclave.cli." .. name)
end

---Whether a first argument is a command and not a script. A script of such a name is run by
---its path: ./exec
---@param word string
---@return boolean
function cli.is_command(word)
  for _, name in ipairs(cli.names) do
    if word == name then
      return true
    end
  end
  return word == "help" or word == "--help" or word == "-h"
end

---The command that a mistyped word may mean.
---@param word string
---@return string|nil
function cli.nearest(word)
  return require("enclave.suggest").nearest(word, cli.names)
end

---Runs a command line whose first word is a command.
---@param ... string
---@return integer exit code
function cli.main(...)
  return require("enclave.cli.front").main({ ... })
end

return cli
