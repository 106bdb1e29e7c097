-- Notices company: what another borrower has in the same sandbox, or left there.
local script = [[
[ -z "$(ls -A)" ] || { echo "found $(ls -A)"; exit 3; }
echo "$1" > mine
sleep "$2"
[ "$(cat mine)" = "$1" ] && [ "$(ls -A)" = mine ] && printf %s "$1"
]]

return {
  name = "alone",
  version = "1.0.0",
  api = 1,
  description = "Prints the word it was given if it has been alone in its sandbox",
  parameters = { type = "object", required = { "word" }, properties = {
    word = { type = "string" },
    seconds = { type = "number", default = 0.05 },
    timeout = { type = "number" },
  } },
  execute = function(sandbox, params)
    return sandbox:run{ argv = { "sh", "-c", script, "sh", params.word, tostring(params.seconds) },
      timeout = params.timeout }
  end,
}
