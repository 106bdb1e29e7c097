-- What a borrower left is removed before the next one comes: the work folder and the other
-- writable places are emptied, everything still running is killed. The last of the hooks, so
-- that what other hooks leave goes too. The pool checks that it was done, and does it by itself
-- when there is no other hook.
return {
  name = "reset",
  version = "1.0.0",
  api = 1,
  description = "Empties the sandbox and kills what was left running",
  priority = 1000,
  on_return = function(sandbox, context)
    if context.reuse ~= "reset" then
      return true -- "keep" is not cleaned, "fresh" is not used again
    end
    return sandbox:reset()
  end,
}
