-- The records of a text that comes out of a sandbox, by their end: in a time that grows with its
-- length, whatever is in it. A pattern such as "(%d+)\n" goes back and forth in what has no end.
local records = {}

---@param text string
---@param ending string
---@return fun(): string|nil # the next one without its end; what is behind the last end is none
function records.each(text, ending)
  local at = 1
  return function()
    local stop = text:find(ending, at, true)
    if stop then
      local record = text:sub(at, stop - 1)
      at = stop + #ending
      return record
    end
  end
end

---@param text string
---@return string # without white space at its end
function records.trim(text)
  return (text:gsub("%f[%s]%s+$", ""))
end

return records
