-- What ran, of the lines that can: by folder, and each file of which less than 90 % did, with the
-- lines that did not.
--   lua5.4 report.lua GCOVR_JSON LINES_FOLDER   (from the top of the tree)
local json = require "cjson"

local gcovr, folder = arg[1], arg[2]
local files = {} -- path → line → whether it ran

local function read(path)
  local file <close> = assert(io.open(path))
  return file:read("a")
end

local function each_line_of(command, fn)
  local pipe <close> = assert(io.popen(command))
  for line in pipe:lines() do
    fn(line)
  end
end

for _, file in ipairs(json.decode(read(gcovr)).files) do
  local lines = {}
  files[file.file] = lines
  for _, line in ipairs(file.lines) do
    if not line["gcovr/noncode"] then
      lines[line.line_number] = lines[line.line_number] or line.count > 0
    end
  end
end

-- A line of brackets and ends alone has an instruction that need not run: a return's that is there
-- already.
local function counts(text)
  return text:gsub("%f[%w]end%f[%W]", ""):find("[^%s%(%){},;%[%]]") ~= nil
end

local function can_run(path)
  local text, lines = {}, {}
  for line in io.lines(path) do
    text[#text + 1] = line
  end
  each_line_of("luac5.4 -l -p " .. path, function(listed)
    local line, code = listed:match("^%s+%d+%s+%[(%d+)%]%s+(%u+)")
    line = tonumber(line)
    if line and code ~= "VARARGPREP" and text[line] and counts(text[line]) then
      lines[line] = false
    end
  end)
  return lines
end

each_line_of("find lua/enclave -name '*.lua' ! -name meta.lua", function(path)
  files[path] = can_run(path)
end)
each_line_of("cat " .. folder .. "/*.lines | sort -u", function(ran)
  local path, line = ran:match("^(.+):(%d+)$")
  local lines = files["lua/" .. path]
  line = tonumber(line)
  if lines and lines[line] ~= nil then
    lines[line] = true
  end
end)

local function ranges(missing)
  local found, from = {}, nil
  for i, line in ipairs(missing) do
    from = from or line
    if missing[i + 1] ~= line + 1 then
      found[#found + 1] = from == line and tostring(line) or from .. "-" .. line
      from = nil
    end
  end
  return table.concat(found, " ")
end

local folders, low = {}, {}
local function add(name, ran, all)
  local sum = folders[name] or { name = name, ran = 0, all = 0 }
  sum.ran, sum.all = sum.ran + ran, sum.all + all
  folders[name] = sum
end

for path, lines in pairs(files) do
  local ran, all, missing = 0, 0, {}
  for line, did in pairs(lines) do
    all = all + 1
    if did then
      ran = ran + 1
    else
      missing[#missing + 1] = line
    end
  end
  table.sort(missing)
  add(path:match("^(.*)/"), ran, all)
  add(path:match("^%w+") .. ", all", ran, all)
  if ran < 0.9 * all then
    low[#low + 1] = ("%5.1f %%  %s: %s"):format(100 * ran / all, path, ranges(missing))
  end
end

local names = {}
for name in pairs(folders) do
  names[#names + 1] = name
end
table.sort(names)
for _, name in ipairs(names) do
  local sum = folders[name]
  print(("%5.1f %%  %5d of %5d lines  %s"):format(100 * sum.ran / sum.all, sum.ran, sum.all, name))
end
print("\nLess than 90 %, and the lines that did not run:")
table.sort(low)
print(table.concat(low, "\n"))
