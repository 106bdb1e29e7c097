-- Names of Linux signals, for messages.
local names = { "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1",
  "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN",
  "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS" }

local signals = {}

---@param number integer
---@return string # "SIGKILL"; "signal 40" for one without a name
function signals.name(number)
  return names[number] and "SIG" .. names[number] or ("signal %d"):format(number)
end

---@param name string as signals.name gives it
---@return integer|nil
function signals.number(name)
  for number, short in ipairs(names) do
    if name == "SIG" .. short then
      return number
    end
  end
  return tonumber(name:match("^signal (%d+)$"))
end

return signals
