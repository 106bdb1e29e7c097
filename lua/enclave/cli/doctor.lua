-- enclave-lua doctor: what a machine needs to run sandboxes; one line each, with the remedy.
local core = require "enclave.core"
local enclave = require "enclave"
local console = require "enclave.cli.console"
local front = require "enclave.cli.front"
local json = require "enclave.json"

local doctor = {
  name = "doctor",
  summary = "Check this machine, and say how to mend what is missing",
  description = "Checks the Docker Engine, its API, cgroups, runtimes, the image, and the agent"
    .. " in a sandbox; one line each. Exit code 1 when something is missing; a warning is a"
    .. " thing that works less well.",
  options = {
    { "--image", "NAME", "Image to try (default $ENCLAVE_IMAGE, then python:3.11-slim)." },
    { "--runtime", "NAME", "Runtime to try, such as runsc." },
    { "--docker-host", "URL", "Docker Engine (default $DOCKER_HOST)." },
    { "--json", nil, "As JSON." },
  },
  examples = {
    { "enclave-lua doctor", "everything, with the default image" },
    { "enclave-lua doctor --runtime runsc", "whether gVisor can be used" },
  },
}

local oldest_api = 1041 -- 1.41, Docker 20.10

-- What the checks share: the Docker Engine and what it said of itself.
local Examination = {}
Examination.__index = Examination

---Asks the Docker Engine.
---@param path string
---@return table|nil
---@return string|nil problem
function Examination:ask(path)
  local certs = front.variable("DOCKER_CERT_PATH")
  if front.variable("DOCKER_TLS_VERIFY") and not certs then
    certs = (os.getenv("HOME") or "") .. "/.docker"
  end
  local reply, err = core.http({ host = self.host, certs = certs, url = path, timeout = 10 })
  if not reply then
    return nil, err.message
  end
  local value = json.decode(reply.body)
  if reply.status >= 400 or type(value) ~= "table" then
    return nil, type(value) == "table" and value.message or ("status %d"):format(reply.status)
  end
  return value
end

local checks = {}

-- Each gives "ok", "warn" or "missing", what was found, and the remedy.

function checks.docker(self)
  local version, problem = self:ask("/version")
  self.version = version
  if version then
    self.info = self:ask("/info") or {}
    return "ok", ("Docker Engine %s on %s, %s/%s"):format(version.Version, self.host, version.Os,
      version.Arch)
  end
  local remedy = "start it (systemctl start docker), or say where it is by DOCKER_HOST"
    .. " (a docker context tells it: docker context inspect)"
  if problem:find("Permission denied", 1, true) then
    remedy = "run this as root, or join the group: usermod -aG docker NAME, then log in again"
  elseif problem:find("expected unix", 1, true) or problem:find("resolve host", 1, true) then
    remedy = "correct DOCKER_HOST or --docker-host"
  end
  return "missing", problem, remedy
end

function checks.api(self)
  local text = self.version and self.version.ApiVersion or ""
  local major, minor = text:match("^(%d+)%.(%d+)$")
  if major and major * 1000 + minor >= oldest_api then
    return "ok", "API " .. text
  end
  return "missing", "API " .. text, "install Docker 20.10 or later (API 1.41)"
end

local limits = { MemoryLimit = "memory", PidsLimit = "pids", CpuCfsQuota = "cpu" }

function checks.cgroups(self)
  local info, missing = self.info or {}, {}
  for field, name in pairs(limits) do
    if not info[field] then
      missing[#missing + 1] = name
    end
  end
  table.sort(missing)
  local found = ("cgroups v%s, driver %s"):format(info.CgroupVersion or "1",
    info.CgroupDriver or "none")
  if #missing > 0 then
    return "missing", found .. "; no limits on " .. table.concat(missing, ", "),
      "enable these controllers (systemd: Delegate=yes for docker.service; v1: mount them) and"
      .. " restart Docker"
  elseif info.SwapLimit == false then
    return "warn", found .. "; swap is not limited",
      "boot with swapaccount=1, or without swap"
  end
  return "ok", found .. "; memory, pids, cpu, swap can be limited"
end

function checks.seccomp(self)
  for _, option in ipairs((self.info or {}).SecurityOptions or {}) do
    if option:find("name=seccomp", 1, true) then
      return "ok", "seccomp is on"
    end
  end
  return "warn", "seccomp is off", "use a kernel with CONFIG_SECCOMP_FILTER and a Docker with it"
end

function checks.runtime(self)
  local info = self.info or {}
  local names = {}
  for name in pairs(info.Runtimes or {}) do
    names[#names + 1] = name
  end
  table.sort(names)
  local wanted = self.args.runtime
  if wanted and not (info.Runtimes or {})[wanted] then
    return "missing", ("no runtime %s; there are: %s"):format(wanted, table.concat(names, ", ")),
      "install it and add it to runtimes in /etc/docker/daemon.json"
  end
  return "ok", ("runtime %s of: %s"):format(wanted or info.DefaultRuntime or "runc",
    table.concat(names, ", "))
end

function checks.image(self)
  local found, problem = self:ask("/images/" .. self.image .. "/json")
  if found then
    return "ok", ("image %s, %.0f MB"):format(self.image, (found.Size or 0) / 1e6)
  end
  return "missing", ("image %s: %s"):format(self.image, problem),
    ("docker pull %s; or name another by --image"):format(self.image)
end

-- In a sandbox: the agent, how long it takes, what isolation the host allows.
function checks.agent(self)
  local started = core.now()
  local sandbox <close>, err = enclave.sandbox({ image = self.image, runtime = self.args.runtime,
    docker_host = self.args.docker_host, pull = "never" })
  if not sandbox then
    return "missing", err.message, "look at the log of the Docker Engine; --log-level debug of"
      .. " enclave-lua exec tells more"
  end
  local up = core.now() - started
  started = core.now()
  local run, problem = sandbox:run({ command = "true", timeout = 20 })
  if not run or run.exit_code ~= 0 then
    return "missing", problem and problem.message or ("sh ended with %s"):format(
      run.exit_code or run.status), "the image needs /bin/sh"
  end
  return "ok", ("agent: a sandbox was up in %s, a program took %s, isolation: %s"):format(
    console.time(up), console.time(core.now() - started), run.isolation)
end

local order = { "docker", "api", "cgroups", "seccomp", "runtime", "image", "agent" }
-- What needs the answer of another check.
local needs = { api = "docker", cgroups = "docker", seccomp = "docker", runtime = "docker",
  image = "docker", agent = "image" }

---@param args table
---@return { check: string, state: string, found: string, remedy?: string }[]
function doctor.examine(args)
  local self = setmetatable({ args = args, image = args.image or front.variable("ENCLAVE_IMAGE")
    or "python:3.11-slim", host = args.docker_host or front.variable("DOCKER_HOST")
    or "unix:///var/run/docker.sock" }, Examination)
  local lines, states = {}, {}
  for _, name in ipairs(order) do
    if not needs[name] or states[needs[name]] == "ok" then
      local fine, state, found, remedy = pcall(checks[name], self)
      if not fine then
        state, found, remedy = "missing", front.message(state), "this is a fault of Enclave"
      end
      states[name] = state
      lines[#lines + 1] = { check = name, state = state, found = found, remedy = remedy }
    end
  end
  return lines
end

function doctor.run(args)
  core.configure({ log_level = "off" })
  local lines, code = doctor.examine(args), 0
  for _, line in ipairs(lines) do
    if line.state == "missing" then
      code = 1
    end
    if not args.json then
      console.write(("%-8s%-9s%s%s\n"):format(line.state, line.check, line.found,
        line.remedy and " -> " .. line.remedy or ""))
    end
  end
  if args.json then
    console.write(json.encode({ healthy = code == 0, checks = json.array(lines) }), "\n")
  end
  return code
end

return doctor
