std = "lua54"
max_line_length = 100
codes = true
files["spec"] = { std = "lua54+busted" }
-- Annotations only: functions without bodies.
files["lua/enclave/meta.lua"] = { ignore = { "212", "241", "631" } }
