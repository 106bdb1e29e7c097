-- C# on Mono.
return {
  name = "csharp",
  aliases = { "c#", "cs", "mono" },
  file = "main.cs",
  extensions = { "cs" },
  programs = { "mcs", "mono" },
  version = { "mono", "--version" },
  build = { "mcs", "-nologo", "-optimize+", "-out:main.exe", "{sources}" },
  artifacts = { "main.exe" },
  run = { "mono", "{folder}/main.exe" },
}
