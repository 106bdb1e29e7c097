-- The machine that the figures belong to, and programs of the host.
local machine = {}

function machine.read(path)
  local file = io.open(path, "rb")
  local text = file and file:read("a")
  if file then
    file:close()
  end
  return text
end

---The output of a command, or nil when it failed.
---@param command string
---@return string|nil
function machine.output(command)
  local pipe = assert(io.popen(command .. " 2>/dev/null"))
  local text = pipe:read("a")
  return pipe:close() and text:gsub("%s+$", "") or nil
end

---Is there such a program?
---@param program string
---@return boolean
function machine.has(program)
  return machine.output("command -v " .. program) ~= nil
end

-- /proc/cpuinfo names the model in a field that depends on the architecture.
local function cpu()
  local text = machine.read("/proc/cpuinfo") or ""
  local model = text:match("model name%s*:%s*([^\n]+)") or text:match("Model%s*:%s*([^\n]+)")
  local _, cores = text:gsub("processor%s*:%s*%d+", "")
  return math.max(1, cores), model or machine.output("uname -m") or "unknown"
end

---@param image string
---@return table
function machine.describe(image)
  local cores, model = cpu()
  return {
    cores = cores,
    cpu = model,
    kernel = (machine.read("/proc/sys/kernel/osrelease") or "unknown"):gsub("%s+$", ""),
    docker = machine.output("docker version --format '{{.Server.Version}}'")
      or "unknown (the docker command is not there)",
    docker_host = os.getenv("DOCKER_HOST") or "unix:///var/run/docker.sock",
    image = image,
  }
end

return machine
