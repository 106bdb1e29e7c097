-- How a piece of code becomes a program: by the name of its interpreter. Code goes to a file
-- in the work folder, or, for the shells, into an argument.

---@class enclave.Interpreter
---@field program string
---@field file? string where the code goes
---@field inline? boolean the code is an argument after -c (short code only)
---@field warm? string which warm interpreter can serve it

local python = { program = "python3", file = "main.py", warm = "python3" }
local node = { program = "node", file = "main.js" }
local lua = { program = "lua", file = "main.lua" }

---@type table<string, enclave.Interpreter>
return {
  python3 = python,
  python = python,
  sh = { program = "sh", file = "main.sh", inline = true, warm = "sh" },
  bash = { program = "bash", file = "main.sh", inline = true },
  node = node,
  nodejs = node,
  javascript = node,
  lua = lua,
  ["lua5.4"] = { program = "lua5.4", file = "main.lua" },
  perl = { program = "perl", file = "main.pl" },
  php = { program = "php", file = "main.php" },
  ruby = { program = "ruby", file = "main.rb" },
  Rscript = { program = "Rscript", file = "main.R" },
}
