-- Hooks around a sandbox's life. on_create runs once, before it is lent for the first time: what it
-- leaves in the work folder does not outlive the first borrower, so what all need is put there by
-- on_borrow. A hook that fails keeps the sandbox from being lent.
local greeting = "hello from the hook\n"

return {
  name = "welcome",
  version = "1.0.0",
  api = 1,
  priority = -10, -- before hooks with a higher one
  on_create = function(sandbox)
    local run, err = sandbox:run{ argv = { "python3", "-c", "pass" } }
    if not run then
      return nil, err
    end
    return run.exit_code == 0 or nil, "this image has no python3"
  end,
  on_borrow = function(sandbox)
    return sandbox:put_file("greeting.txt", greeting)
  end,
  on_destroy = function(sandbox, context)
    io.stderr:write(("hook: %s leaves the pool %s\n"):format(sandbox.id, context.pool))
  end,
}
