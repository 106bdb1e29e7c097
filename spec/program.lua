-- enclave-lua as a program, for specs: runs it, gives what it wrote and its exit code.
local so = assert(package.searchpath("enclave.core", package.cpath))
local lua = assert(package.searchpath("enclave.server", package.path)):gsub("/enclave/[^/]*$", "")
lua = lua:find("^/") and lua or os.getenv("PWD") .. "/" .. lua

local program = {
  lua = lua,
  path = os.getenv("ENCLAVE_LUA") or so:gsub("[^/]*/[^/]*/[^/]*$", "") .. "enclave-lua",
}

function program.quote(text)
  return "'" .. text:gsub("'", "'\\''") .. "'"
end

function program.read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("a")
  file:close()
  return text
end

---Runs a command of the shell; what it wrote, both streams, and its exit code.
function program.output(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1"))
  local text = pipe:read("a")
  local _, _, code = pipe:close()
  return text, code
end

---Installs what was built below the folder root.
function program.install(root)
  local build = program.path:gsub("/[^/]*$", "")
  local text, code = program.output(("cmake --install %s --prefix %s"):format(program.quote(build),
    program.quote(root)))
  assert(code == 0, text)
end

---Runs enclave-lua; standard output, standard error, exit code.
function program.run(arguments, input, environment)
  local out, err, fed = os.tmpname(), os.tmpname(), os.tmpname()
  local file = assert(io.open(fed, "wb"))
  file:write(input or "")
  file:close()
  local command = ("export ENCLAVE_LUA_PATH=%s; %s timeout 60 %s %s <%s >%s 2>%s"):format(
    program.quote(lua), environment or "", program.quote(program.path), arguments, fed, out, err)
  local _, why, status = os.execute(command)
  local code = why == "exit" and status or 128 + status
  local wrote, complained = program.read(out), program.read(err)
  os.remove(out)
  os.remove(err)
  os.remove(fed)
  return wrote, complained, code
end

return program
