# run.sh - how much of src/ and lua/ the C tests and the specs run: sh spec/run.sh --coverage.
# Sourced by it, after checks.sh. Of the agent its own tests are counted, which run it on this
# machine; not what it does in containers, where it writes nothing and is killed.
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
    spec/conformance_spec.lua spec/install_spec.lua spec/plugin_context_spec.lua \
    spec/plugin_budget_spec.lua spec/plugin_load_spec.lua
  unset LUA_INIT
  agent_coverage >"$work/agent.log" 2>&1
  gcovr --root "$top" --filter "$top/src/" --exclude "$top/src/agent/warm/entry/" \
    --json "$work/gcovr.json" "$top/build-coverage" "$top/build-coverage-agent"
  lua5.4 spec/coverage/report.lua "$work/gcovr.json" "$ENCLAVE_COVERAGE"
}

# The agent for this machine's libc, which counts when it ends well; without builtins, as else what
# a child executes would first write figures, without the right to. One test fails here: it looks at
# the size of the real one. Not counted: warm/entry, which is for no libc.
agent_coverage() {
  cmake -S "$top" -B "$top/build-coverage-agent" -G Ninja -DENCLAVE_TESTS=ON \
    -DENCLAVE_MUSL_GCC="$(command -v gcc)" -DENCLAVE_AGENT_FLAGS="--coverage;-O0;-fno-builtin"
  cmake --build "$top/build-coverage-agent" \
    --target agent_test agent_reset_test agent_residue_test agent_streams_test agent_warm_test
  find "$top/build-coverage-agent" -name '*.gcda' -delete
  ctest --test-dir "$top/build-coverage-agent" -R '^agent_' || :
}
