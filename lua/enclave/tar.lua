-- Files, or a folder of this machine (by scandir; without its links and devices), as a tar archive
-- in memory, to send it elsewhere.
local core = require "enclave.core"
local errors = require "enclave.errors"

local tar = {}

local block = 512

local function octal(number, width)
  return ("%0" .. width - 1 .. "o\0"):format(number)
end

local function pad(bytes)
  return ("\0"):rep(-#bytes % block)
end

local function header(name, size, mode, kind)
  local fields = { name .. ("\0"):rep(100 - #name), octal(mode, 8), octal(0, 8), octal(0, 8),
    octal(size, 12), octal(0, 12), "        ", kind, ("\0"):rep(100), "ustar\0", "00",
    ("\0"):rep(64), octal(0, 8), octal(0, 8), ("\0"):rep(167) }
  local text, sum = table.concat(fields), 0
  for i = 1, block do
    sum = sum + text:byte(i)
  end
  return text:sub(1, 148) .. ("%06o\0 "):format(sum) .. text:sub(157)
end

-- Names over 100 bytes go before the entry, as GNU tar writes them.
local function add(out, name, bytes, kind)
  if #name > 100 then
    local long = name .. "\0"
    out[#out + 1] = header("././@LongLink", #long, 0, "L") .. long .. pad(long)
  end
  out[#out + 1] = header(name:sub(1, 100), #bytes, kind == "5" and 493 or 420, kind)
  out[#out + 1] = bytes .. pad(bytes)
end

local function read(path)
  local file, problem = io.open(path, "rb")
  if not file then
    return nil, problem
  end
  local bytes
  bytes, problem = file:read("a")
  file:close()
  return bytes, problem
end

local function walk(out, folder, prefix)
  local items, err = core.scandir(folder)
  if not items then
    return nil, err
  end
  for _, item in ipairs(items) do
    local path, name = folder .. "/" .. item.name, prefix .. item.name
    if item.type == "directory" then
      add(out, name .. "/", "", "5")
      local fine, problem = walk(out, path, name .. "/")
      if not fine then
        return nil, problem
      end
    elseif item.type == "file" then
      local bytes, problem = read(path)
      if not bytes then
        return nil, errors.new("invalid", tostring(problem), "put_dir")
      end
      add(out, name, bytes, "0")
    end
  end
  return true
end

---@param files table<string, string> bytes by name; folders are made as they are needed
---@return string bytes
function tar.of(files)
  local names, out = {}, {}
  for name in pairs(files) do
    names[#names + 1] = name
  end
  table.sort(names)
  for _, name in ipairs(names) do
    add(out, name, files[name], "0")
  end
  out[#out + 1] = ("\0"):rep(2 * block)
  return table.concat(out)
end

---@param folder string
---@return string|nil bytes
---@return enclave.Error? err
function tar.pack(folder)
  local out = {}
  local fine, err = walk(out, folder, "")
  if not fine then
    return nil, err
  end
  out[#out + 1] = ("\0"):rep(2 * block)
  return table.concat(out)
end

return tar
