-- A tool made of other tools: they run in the same sandbox, and callers need not be offered them.
return {
  name = "report",
  version = "1.0.0",
  api = 1,
  description = "Write a signed report about a folder of text files",
  parameters = {
    type = "object",
    required = { "files" },
    additionalProperties = false,
    properties = {
      files = { type = "object", additionalProperties = { type = "string" },
        description = "The files: name -> text" },
    },
  },
  execute = function(_, params, context)
    local files = {}
    for name, text in pairs(params.files) do
      files["texts/" .. name] = text
    end
    local counted, err = context.call("shell_executor",
      { command = "wc -w texts/* > report.txt", files = files, fetch_files = { "report.txt" } })
    if not counted then
      return nil, err
    elseif counted.status ~= "success" then
      return { output = counted.output, error = counted.error, status = counted.status }
    end
    local text = counted.metadata.files["report.txt"].content
    local signed
    signed, err = context.call("sign", { text = text })
    if not signed then
      return nil, err
    end
    local words = tonumber(text:match("(%d+) total"))
    return { output = text .. signed.output, metadata = { words = words } }
  end,
}
