-- Pulling images, from a registry on the loopback: progress, failures, logins.
local enclave = require "enclave"
local support = require "spec.support"

assert(os.getenv("ENCLAVE_TEST_ENGINE"),
  "ENCLAVE_TEST_ENGINE: expected the folder of an engine that may be broken (see spec/engine.sh)")

-- Of htpasswd -nbB: "open sesame".
local password_file = "spec:$2y$04$ChDZIVY44i.IigZHVOrK.u2w2lMQtCoefEIrgT/6Y3dScYOOy260C\n"

local registry_config = [[
version: 0.1
storage: { filesystem: { rootdirectory: %s } }
http: { addr: "127.0.0.1:0" }
%s
]]

describe("pulling", function()
  local folder, manager

  -- Starts a registry; gives it and its address.
  local function registry(name, more)
    local file = folder:write(name .. ".yml",
      registry_config:format(folder.path .. "/" .. name .. "-data", more or ""))
    local process = support.start(folder, name, "docker-registry serve " .. file,
      "listening on 127%.0%.0%.1:(%d+)")
    return process, "127.0.0.1:" .. process.match
  end

  local function shell(command, ...)
    assert(os.execute(("{ %s; } >/dev/null 2>&1"):format(command:format(...))), command)
  end

  -- Makes an image of two layers of so many random MiB, in the registry and not on the engine.
  local function publish(image, size, options)
    local container = "pull-spec-" .. image:gsub("%W", "-")
    for _, part in ipairs({ "first", "second" }) do
      shell("head -c %dM /dev/urandom > %s/%s", size, folder.path, part)
    end
    shell("tar -C %s -c first | docker import - %s", folder.path, image)
    shell("docker create --name %s %s none", container, image)
    shell("docker cp %s/second %s:/second", folder.path, container)
    shell("docker commit %s %s", container, image)
    shell("docker rm %s; docker %s push %s; docker rmi %s", container, options or "", image, image)
  end

  local function engine(command)
    shell("sh spec/engine.sh %s", command)
  end

  local there, address
  setup(function()
    -- A broken pull shall fail at once, not after five attempts with pauses.
    engine("restart --max-download-attempts=1")
    folder = support.folder()
    there, address = registry("open")
    publish(address .. "/spec/small:1", 1)
  end)
  teardown(function()
    there:kill()
    folder:remove()
    engine("restart")
  end)
  before_each(function()
    manager = assert(enclave.manager{ log_level = "off" })
  end)
  after_each(function()
    manager:close()
    os.execute(("docker rmi -f %s/spec/small:1 >/dev/null 2>&1"):format(address))
  end)

  local function fill(image, options)
    options = options or {}
    options.pool_size = 1
    options.config = { image = image, registry_auth = options.registry_auth }
    options.registry_auth = nil
    return manager:initialize_pool(options)
  end

  it("tells its progress, layer by layer", function()
    local layers, started, image = {}, nil, address .. "/spec/small:1"
    assert(fill(image, { progress = function(what, part, current, total)
      if what == "pull " .. image and total > 0 then
        assert.is_true(current >= 0 and current <= total)
        layers[part] = math.max(layers[part] or 0, current)
      elseif what == "start sandboxes" then
        started = current
      end
    end }))
    local count = 0
    for name, bytes in pairs(layers) do
      count = count + 1
      assert.matches("^%x+$", name)
      assert.is_true(bytes > 1 << 19)
    end
    assert.equal(2, count)
    assert.equal(1, started)
    assert.equal(1, manager:get_stats().idle)
  end)

  it("of an image for two pools at once serves both", function()
    local image = address .. "/spec/small:1"
    local tasks = {}
    for i = 1, 2 do
      tasks[i] = enclave.spawn(fill, image, { name = "pool" .. i })
    end
    for i = 1, 2 do
      local _, ids = assert(tasks[i]:join())
      assert.equal(1, #ids)
    end
  end)

  it("says which image is missing", function()
    for _, image in ipairs({ address .. "/spec/small:none", address .. "/spec/none" }) do
      local up, err = fill(image)
      assert.is_nil(up)
      assert.equal("not_found", err.code)
      assert.matches(image, err.message, 1, true)
    end
    local up, err = manager:create_sandbox("docker", { image = address .. "/spec/small:none" })
    assert.is_nil(up)
    assert.equal("not_found", err.code)
  end)

  it("says when the registry dies half way, and works when it is back", function()
    local image = address .. "/spec/large:1"
    publish(image, 40)
    local cut
    local up, err = fill(image, { progress = function(_, _, current, total)
      if not cut and total > 1 << 20 and current > 0 and current < total then
        cut = true
        there:kill()
      end
    end })
    assert.is_true(cut)
    assert.is_nil(up)
    assert.matches("docker", err.code)
    assert.matches(image, err.message, 1, true)
    -- Where it was before.
    shell("sed -i 's/127.0.0.1:0/%s/' %s/open.yml", address, folder.path)
    there = support.start(folder, "again", "docker-registry serve " .. folder.path .. "/open.yml",
      "listening on 127%.0%.0%.1:(%d+)")
    assert(fill(image))
    manager:close()
    shell("docker rmi -f %s", image)
  end)

  it("ends when the task that waits for it is cancelled", function()
    local image = address .. "/spec/small:1"
    there:signal("STOP")
    local task = enclave.spawn(fill, image)
    enclave.sleep(0.3)
    assert.equal("running", task:status())
    task:cancel()
    local up, err = task:join(10)
    assert.is_nil(up)
    assert.equal("cancelled", err.code)
    assert.equal("cancelled", task:status())
    there:signal("CONT")
    assert(fill(image))
  end)

  describe("with a login", function()
    local guarded, image
    local config = "DOCKER_CONFIG=%s/docker "
    setup(function()
      folder:write("passwords", password_file)
      local host
      guarded, host = registry("guarded",
        ("auth: { htpasswd: { realm: spec, path: %s/passwords } }"):format(folder.path))
      image = host .. "/spec/guarded:1"
      config = config:format(folder.path)
      shell("docker --config %s/docker login -u spec -p 'open sesame' %s", folder.path, host)
      publish(image, 1, ("--config %s/docker"):format(folder.path))
    end)
    teardown(function()
      guarded:kill()
    end)
    after_each(function()
      manager:close()
      os.execute(("docker rmi -f %s >/dev/null 2>&1"):format(image))
    end)

    it("takes that of the configuration and never shows it", function()
      local login = { username = "spec", password = "open sesame" }
      assert(fill(image, { registry_auth = login }))
      for _, info in ipairs(manager:list_sandboxes()) do
        local shown = enclave.json.encode(manager:get_sandbox_info(info.id))
        assert.is_nil(shown:find("sesame", 1, true))
      end
    end)

    it("says no without one and with a wrong one", function()
      for _, login in ipairs({ false, { username = "spec", password = "closed" } }) do
        local up, err = fill(image, { registry_auth = login or nil })
        assert.is_nil(up)
        assert.is_true(err.code == "docker" or err.code == "not_found", err.code)
        assert.matches(image, err.message, 1, true)
        assert.is_nil(err.message:find("closed", 1, true))
      end
    end)

    it("refuses what is none without showing it", function()
      for _, login in ipairs({ "spec:secret", { username = "spec" }, { "secret" },
        { username = "spec", password = { "secret" } } }) do
        local fine, err = pcall(fill, image, { registry_auth = login })
        assert.is_false(fine)
        assert.matches("registry_auth: expected a map of username and password", tostring(err), 1,
          true)
        assert.is_nil(tostring(err):find("secret", 1, true))
      end
    end)

    -- What a process with that DOCKER_CONFIG says when it fills a pool.
    local function child()
      local script = folder:write("child.lua", ([[
local enclave = require "enclave"
local manager <close> = enclave.manager()
local up, err = manager:initialize_pool{ pool_size = 1, config = { image = "%s" } }
print(up and "up" or err)]]):format(image))
      local pipe = assert(io.popen(("%s lua5.4 %s 2>&1"):format(config, script)))
      local text = pipe:read("a")
      pipe:close()
      return text
    end

    it("takes that of docker login", function()
      assert.matches("up\n$", child())
    end)

    it("says what is wrong with the file of docker login, and who keeps the secret", function()
      folder:write("docker/config.json", "{ nonsense")
      assert.matches("docker/config.json: line 1", child(), 1, true)
      folder:write("docker/config.json", '{ "auths": {}, "credsStore": "pass" }')
      assert.matches("credential helper", child(), 1, true)
    end)
  end)
end)
