-- Lua 5.4, or whatever Lua the image has.
return {
  name = "lua",
  aliases = { "lua5.4" },
  file = "main.lua",
  extensions = { "lua" },
  env = { LUA_PATH = "{folder}/?.lua;{folder}/?/init.lua;;" },
  variants = {
    { programs = { "lua5.4" }, version = { "lua5.4", "-v" },
      run = { "lua5.4", "{folder}/{file}" } },
    { programs = { "lua" }, version = { "lua", "-v" }, run = { "lua", "{folder}/{file}" } },
    { programs = { "luajit" }, version = { "luajit", "-v" },
      run = { "luajit", "{folder}/{file}" } },
  },
}
