-- A tool of one's own: one file that returns a table. Its parameters are checked before
-- `execute` runs; change the file while a program runs, and the next call uses the new one.
local counter = [[
import collections, re, sys
words = re.findall(r"\w+", sys.stdin.read().lower())
for word, count in collections.Counter(words).most_common(int(sys.argv[1])):
    print(count, word)
]]

return {
  name = "word_count",
  version = "1.0.0",
  api = 1,
  description = "Count the words of a text, the most frequent first",
  parameters = {
    type = "object",
    required = { "text" },
    additionalProperties = false,
    properties = {
      text = { type = "string", description = "What to count" },
      top = { type = "integer", minimum = 1, maximum = 100, default = 3,
        description = "How many words to tell" },
    },
  },
  sandbox_types = { "docker" },
  warm = { "python3" },
  execute = function(sandbox, params)
    -- The cleanup hook beside this looks at what a call leaves behind.
    local fine, err = sandbox:put_file("last_text.txt", params.text)
    if not fine then
      return nil, err
    end
    local run
    run, err = sandbox:run{
      interpreter = "python3",
      code = counter,
      args = { tostring(params.top) },
      stdin = params.text,
    }
    if not run then
      return nil, err
    elseif run.exit_code ~= 0 then
      return run
    end
    local best = run.stdout:match("(%d+ %w+)")
    return { output = run.stdout, metadata = { best = best } }
  end,
}
