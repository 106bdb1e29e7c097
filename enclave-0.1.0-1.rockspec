rockspec_format = "3.0"
package = "enclave"
version = "0.1.0-1"
-- The archive of a release, next to this file; `luarocks make` builds the tree around it.
source = { url = "file://enclave-0.1.0.tar.gz" }
description = {
  summary = "Runs code in warm, isolated sandboxes",
  detailed = [[
    Keeps a warm FIFO pool of Docker sandboxes, lends one for each call, cleans it and lends it
    again. Needs, from Debian: musl-tools cmake pkg-config libuv1-dev libcurl4-openssl-dev
    libjansson-dev libarchive-dev libmicrohttpd-dev liblua5.4-dev lua-argparse lua-cjson
    gzip.]],
  license = "MIT",
}
supported_platforms = { "linux" }
dependencies = { "lua ~> 5.4", "lua-cjson >= 2.1", "argparse >= 0.7" }
build = {
  type = "cmake",
  variables = {
    CMAKE_INSTALL_PREFIX = "$(PREFIX)",
    CMAKE_INSTALL_BINDIR = "$(BINDIR)",
    ENCLAVE_LUA_DIR = "$(LUADIR)",
    ENCLAVE_LUA_LIBDIR = "$(LIBDIR)",
    ENCLAVE_LIBRARY = "OFF",
    ENCLAVE_TESTS = "OFF",
  },
  install = {},
}
