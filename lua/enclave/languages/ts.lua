-- TypeScript: checked and compiled, then run by Node.js. With Node's types where the image has
-- them.
local compile = { "tsc", "--target", "es2020", "--module", "commonjs", "--moduleResolution",
  "node", "--esModuleInterop", "--rootDir", ".", "--outDir", "out" }

local function build(types)
  local list = table.move(compile, 1, #compile, 1, {})
  table.move(types, 1, #types, #list + 1, list)
  list[#list + 1] = "{sources}"
  return list
end

local function with_types(folder)
  return { programs = { "tsc", "node", folder .. "/node/index.d.ts" },
    build = build{ "--typeRoots", folder, "--types", "node" } }
end

return {
  name = "ts",
  aliases = { "typescript" },
  file = "main.ts",
  extensions = { "ts" },
  version = { "tsc", "--version" },
  artifacts = { "out" },
  run = { "node", "--max-old-space-size={heap}", "{folder}/out/{stem}.js" },
  variants = { with_types("/usr/share/nodejs/@types"),
    with_types("/usr/local/lib/node_modules/@types"), with_types("/usr/lib/node_modules/@types"),
    { programs = { "tsc", "node" }, build = build{} } },
}
