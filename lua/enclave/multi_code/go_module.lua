-- What Go's languages share: the environment of its tools, kept inside the work folder and off
-- the network, and a module for files that bring none.
return {
  env = { GOCACHE = "{folder}/.cache/go-build", GOPATH = "{folder}/.cache/go", GOPROXY = "off",
    GOFLAGS = "-mod=mod", GO111MODULE = "on", GOTOOLCHAIN = "local", CGO_ENABLED = "0",
    GOMEMLIMIT = "{heap}MiB" },
  files = { ["go.mod"] = "module example\n\ngo 1.18\n" },
}
