# run.sh - how much of src/ and lua/ the C tests and the specs run: sh spec/run.sh --coverage.
# Sourced by it, after checks.sh. Not measured: the agent, another program for another libc, which
# ends by being killed.
# shellcheck shell=sh disable=SC2154 # top and work are those of the other run.sh

coverage() {
  CFLAGS=--coverage build "$top/build-coverage" -DENCLAVE_TESTS=ON -DCMAKE_BUILD_TYPE=Debug
  find "$top/build-coverage" -name '*.gcda' -delete
  ENCLAVE_COVERAGE=$work/lines
  mkdir "$ENCLAVE_COVERAGE"
  # shellcheck disable=SC2046 # words
  cc -O2 -shared -fPIC $(pkg-config --cflags lua5.4) "$top/spec/coverage/lines.c" \
    -o "$work/lines.so"
  c_tests build-coverage
  # busted begins in a Lua of another version.
  LUA_INIT="if _VERSION == [[Lua 5.4]] then
    package.loadlib([[$work/lines.so]], [[luaopen_lines]])() end"
  export ENCLAVE_COVERAGE LUA_INIT
  # Not those of figures, of the agent, of packages, and of tools that never end: what counts
  # lines takes the place of what stops those.
  lua_specs build-coverage /usr/bin/lua5.4 "$work/none" spec/bench_spec.lua \
    spec/conformance_spec.lua spec/install_spec.lua spec/plugin_context_spec.lua
  unset LUA_INIT
  gcovr --root "$top" --filter "$top/src/" --json "$work/gcovr.json" "$top/build-coverage"
  lua5.4 spec/coverage/report.lua "$work/gcovr.json" "$ENCLAVE_COVERAGE"
}
