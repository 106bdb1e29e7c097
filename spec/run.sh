#!/bin/sh
# run.sh - sets up what the tests need, then runs them all: style, builds without warnings, C unit
# tests and specs on private Docker Engines, both again with sanitizers, valgrind, fuzzers. Ends
# with one line: N passed, N failed.
#
#   sh spec/run.sh           everything
#   sh spec/run.sh --bench   the benchmark instead
#   sh spec/run.sh --languages
#                            every language that a release of Debian has, instead: minutes, 6 GB
#   sh spec/run.sh --soak MINUTES
#                            as many sandboxes as fit at the same time, then callers under faults
#                            for so long, instead
#   sh spec/run.sh --analyze clang-tidy and gcc's analyzer over the C code, instead: minutes
#   sh spec/run.sh --coverage
#                            how much of the code the tests run, instead: some 20 minutes
#
# ENCLAVE_FUZZ_SECONDS: how long the fuzzers run (60).
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$top"
# shellcheck source=examples/setup.sh
. "$top/examples/setup.sh"
# shellcheck source=spec/languages_image.sh
. "$top/spec/languages_image.sh"
# shellcheck source=spec/checks.sh
. "$top/spec/checks.sh"
# shellcheck source=spec/analysis.sh
. "$top/spec/analysis.sh"
# shellcheck source=spec/coverage/run.sh
. "$top/spec/coverage/run.sh"

case ${1:-} in
'' | --bench | --languages | --analyze | --coverage) ;;
--soak)
  case ${2:-} in
  '' | *[!0-9]*) die "--soak '${2:-}': expected a whole number of minutes" ;;
  esac ;;
*)
  die "unknown argument '$1'; expected nothing, --bench, --languages, --analyze, --coverage" \
    "or --soak MINUTES" ;;
esac
[ "$(id -u)" = 0 ] || exec sudo -E sh "$0" "$@"

# Programs of the distribution: a version manager's shims in front of them answer otherwise.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

# What compiles and runs the checks; clients of the HTTP server; what reads manuals, completions
# and packages; the clock that jumps.
# shellcheck disable=SC2086 # words
install_packages $BUILD_PACKAGES $ENGINE_PACKAGES $IMAGE_PACKAGES \
  lua-busted lua-check lua-cjson-dev libcmocka-dev g++ clang clang-format clang-tidy cppcheck llvm valgrind \
  libclang-rt-14-dev shellcheck \
  python3 openssl procps docker-registry \
  python3-jsonschema python3-requests python3-httpx python3-aiohttp nodejs \
  mandoc man-db zsh fish lintian dpkg-dev file luarocks \
  libfaketime

work=$(mktemp -d /tmp/enclave-test.XXXXXX)
lanes=
# end PID ...: processes and all that they started.
end() {
  for pid in "$@"; do
    # shellcheck disable=SC2046 # words
    set -- $(pgrep -P "$pid")
    kill "$pid" 2>/dev/null || :
    end "$@"
  done
}
finish() {
  # shellcheck disable=SC2086 # words
  end $lanes
  stop_engine "$work/plain"
  stop_engine "$work/sanitized"
  end_shims "$work"
  rm -rf "$work"
  # What root built for an ordinary user stays that user's.
  [ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID" "$top"/build* "$ENCLAVE_CACHE"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;$top/?.lua;;"
LUA_CPATH="$top/build/lua/?.so;;"
ENCLAVE_LUA=$top/build/enclave-lua
ENCLAVE_IMAGE=$OWN_IMAGE
export LUA_PATH LUA_CPATH ENCLAVE_LUA ENCLAVE_IMAGE

# engine NAME: starts a private Docker Engine for one lane. use NAME: what follows runs on it.
engine() {
  start_engine "$work/$1"
  own_image
}
use() {
  ENCLAVE_TEST_ENGINE=$work/$1
  DOCKER_HOST=unix://$work/$1/docker.sock
  export ENCLAVE_TEST_ENGINE DOCKER_HOST
}

began=$(date +%s)
build "$top/build" -DENCLAVE_TESTS=ON
case ${1:-} in
--bench)
  install_packages wrk
  engine plain
  use plain
  languages_image quick
  build/enclave-lua spec/bench/main.lua
  exit ;;
--languages)
  engine plain
  use plain
  for kind in full julia swift; do
    languages_image "$kind"
    busted --lua=/usr/bin/lua5.4 --helper=spec/helper.lua spec/multi_code_languages_spec.lua
  done
  exit ;;
--analyze)
  clang_tidy
  gcc_analyzer
  exit ;;
--coverage)
  install_packages gcovr
  engine plain
  use plain
  languages_image quick
  coverage
  exit ;;
--soak)
  engine plain
  use plain
  build/enclave-lua spec/chaos/crowd.lua
  stop_engine "$work/plain"
  sh spec/chaos/run.sh $(($2 * 60))
  exit ;;
esac
# The roots of the images, mostly downloads, while compilers work.
image_roots() {
  make_image_root "$IMAGE_TAR"
  languages_of quick
  make_image_root "$languages_tar" "$image_packages"
}
image_roots >"$work/images.log" 2>&1 &
lanes=$!
build "$top/build-sanitized" -DENCLAVE_TESTS=ON -DENCLAVE_SANITIZE=address,undefined
outcome "$began" "builds" 0

# ---- the checks ---------------------------------------------------------------------------

formatting() {
  find src include spec examples -name '*.[ch]' -exec clang-format --dry-run -Werror {} +
}
gcc_release() {
  cmake -S "$top" -B "$top/build-release" -G Ninja -DCMAKE_BUILD_TYPE=Release -DENCLAVE_STATIC=ON \
    -DENCLAVE_TESTS=OFF &&
    cmake --build "$top/build-release" &&
    cp "$top/build-release/enclave-lua" "$work/alone" &&
    one_file
}
# What can be inside is, and it needs no file beside it.
one_file() (
  unset LUA_PATH LUA_CPATH
  cd /
  ! ldd "$work/alone" | grep -E 'lua|libuv|jansson|microhttpd' &&
    "$work/alone" --version | grep 'Lua files: inside' &&
    [ "$("$work/alone" exec --sandbox-type fake 'print(7)')" = 7 ]
)
# What submits and cancels from other threads.
threads() {
  cmake -S "$top" -B "$top/build-thread" -G Ninja -DENCLAVE_TESTS=ON -DENCLAVE_SANITIZE=thread &&
    cmake --build "$top/build-thread" --target embed_test embed_loop_test embed_hostile_test &&
    TSAN_OPTIONS="exitcode=66 suppressions=$top/spec/embed/tsan.supp" \
      ctest --test-dir "$top/build-thread" --output-on-failure -R '^embed_'
}
clang_build() {
  CC=clang cmake -S "$top" -B "$top/build-fuzz" -G Ninja -DENCLAVE_FUZZ=ON -DENCLAVE_TESTS=ON &&
    cmake --build "$top/build-fuzz"
}
example_in_valgrind() {
  valgrind --leak-check=full --errors-for-leak-kinds=definite,indirect,possible \
    --error-exitcode=9 build/enclave-lua examples/pool.lua
}
# fuzz SECONDS NAME ...: so long for all together. What they find new is thrown away.
fuzz() {
  fuzz_seconds=$(($1 / ($# - 1)))
  shift
  for name in "$@"; do
    mkdir -p "$work/$name"
    seeds=spec/fuzz/seeds/$name
    [ -d "$seeds" ] || seeds=$work/$name
    check "fuzzer $name" "build-fuzz/$name" -max_total_time="$fuzz_seconds" -print_final_stats=1 \
      -artifact_prefix="$work/" "$work/$name" "$seeds"
  done
}

plain_lane() {
  use plain
  c_tests build
  ! needs "the example in valgrind" valgrind ||
    check "the example in valgrind" example_in_valgrind
  lua_specs build /usr/bin/lua5.4 "$work/none"
}
# Under address, undefined and leak sanitizers and, at the same time, a collector that collects
# all the time. The stock interpreter is the one that was built with the sanitizers.
sanitized_lane() {
  use sanitized
  PATH=$top/build-sanitized/stock:$PATH
  ASAN_OPTIONS=detect_leaks=1:log_path=$work/report
  UBSAN_OPTIONS=print_stacktrace=1:log_path=$work/report
  # For programs that the specs build.
  CFLAGS="-fsanitize=address,undefined" CXXFLAGS=$CFLAGS LDFLAGS=$CFLAGS
  ENCLAVE_SPEC_GC=1
  export PATH ASAN_OPTIONS UBSAN_OPTIONS CFLAGS CXXFLAGS LDFLAGS ENCLAVE_SPEC_GC
  c_tests build-sanitized
  # Not those of figures, of packages, and of what is the same binary in both: agent, compilers.
  lua_specs build-sanitized "$top/build-sanitized/stock/lua5.4" "$work/report" \
    spec/bench_spec.lua spec/install_spec.lua \
    spec/conformance_spec.lua spec/residue_spec.lua spec/multi_code_languages_spec.lua
}

# both LANE LANE: at the same time.
both() {
  $1 & lanes=$!
  $2 & lanes="$lanes $!"
  for lane in $lanes; do
    wait "$lane" || counted failed 1
  done
  lanes=
}

check "formatting" formatting
check "luacheck" luacheck -q lua spec examples
! needs "shellcheck" shellcheck || check "shellcheck" \
  shellcheck -x -a .ci/run spec/run.sh spec/engine.sh spec/chaos/run.sh examples/quickstart.sh
! needs "cppcheck" cppcheck || check "cppcheck" cpp_check
check "no calls of Linux alone, but in its files" portable
check "Release build in one file, gcc" gcc_release
check "calls of many threads, thread sanitizer" threads

wait "$lanes" || { cat "$work/images.log" >&2; die "the images could not be made"; }
lanes=
say "starting two private Docker Engines"
engine plain
languages_image quick
engine sanitized
languages_image quick
both plain_lane sanitized_lane

chaos() {
  sh spec/chaos/run.sh 60 >"$work/chaos"
}
check "callers under faults" chaos
cat "$work/chaos"

if needs "the fuzzers" clang; then
  check "all by clang, and the fuzzers" clang_build
  seconds=${ENCLAVE_FUZZ_SECONDS:-60}
  others=$(cd build-fuzz && echo [!w]*_fuzz)
  both "fuzz $seconds wire_fuzz" "fuzz $seconds $others"
fi

say "done in $(($(date +%s) - began)) s"
skipped=$(total skipped) failed=$(total failed)
printf '%s passed, %s failed' "$(total passed)" "$failed"
[ "$skipped" = 0 ] || printf ', %s skipped' "$skipped"
printf '\n'
[ "$failed" = 0 ]
