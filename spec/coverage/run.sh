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
  cc -O2 -shared -fPIC $(pkg-config --cflags lua5.4) -o "$work/lines.so" "$top/spec/coverage/lines.c"
  c_tests build-coverage
  LUA_INIT="package.loadlib([[$work/lines.so]], [[luaopen_lines]])()"
  export ENCLAVE_COVERAGE LUA_INIT
  # Not those of figures, of the agent, of packages, and of tools that never end: what counts
  # lines takes the place of what stops those.
  lua_specs build-coverage /usr/bin/lua5.4 "$work/none" spec/bench_spec.lua \
    spec/conformance_spec.lua spec/install_spec.lua spec/plugin_context_spec.lua
  unset LUA_INIT
  gcovr --root "$top" --filter "$top/src/" --json "$work/gcovr.json" "$top/build-coverage"
  lua5.4 spec/coverage/report.lua "$work/gcovr.json" "$ENCLAVE_COVERAGE"
}
