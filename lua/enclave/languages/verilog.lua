-- Verilog, simulated by Icarus.
return {
  name = "verilog",
  aliases = { "systemverilog", "iverilog" },
  file = "main.v",
  extensions = { "v", "sv" },
  programs = { "iverilog", "vvp" },
  version = { "iverilog", "-V" },
  build = { "iverilog", "-g2012", "-o", "main.vvp", "{sources}" },
  artifacts = { "main.vvp" },
  run = { "vvp", "-n", "{folder}/main.vvp" },
}
