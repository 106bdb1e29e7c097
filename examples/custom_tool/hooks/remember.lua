-- A cleanup hook of one's own: it runs when a sandbox comes back from a borrower, before the
-- built-in `reset` (hooks run by priority, low ones first). A hook that fails, by throwing or
-- by `return nil, err`, retires the sandbox; the pool makes another.
return {
  name = "remember",
  version = "1.0.0",
  api = 1,
  priority = 10,
  on_return = function(sandbox, context)
    local list = sandbox:run{ command = "ls -A" }
    if list then
      io.stderr:write(("hook: %s left in %s: %s\n"):format(context.tool_name, sandbox.id,
        (list.stdout:gsub("\n", " "))))
    end
    return sandbox:run{ command = "rm -f last_text.txt" }
  end,
}
