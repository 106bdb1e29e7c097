return {
  name = "throws",
  version = "1.0.0",
  api = 1,
  description = "Fails in the ways in which a tool can be wrong",
  parameters = { type = "object", required = { "how" }, properties = {
    how = { type = "string", enum = { "throws", "loops", "nonsense", "nothing" } },
  } },
  budget = 1000000,
  execute = function(_, params)
    if params.how == "throws" then
      error("as it was told")
    elseif params.how == "loops" then
      while true do end
    elseif params.how == "nonsense" then
      return { output = function() end, status = 7 }
    end
  end,
}
