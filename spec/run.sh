#!/bin/sh
# run.sh - sets up what the tests need, then runs them all: style, C unit tests, specs on a
# private Docker Engine. Ends with one line: N passed, N failed.
#
#   sh spec/run.sh           everything
#   sh spec/run.sh --bench   the benchmark instead
#   sh spec/run.sh --languages
#                            every language that Debian has, instead: some minutes, 3 GB
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$top"
. "$top/examples/setup.sh"
. "$top/spec/languages_image.sh"

case ${1:-} in
'' | --bench | --languages) ;;
*) die "unknown argument '$1'; expected nothing, --bench or --languages" ;;
esac
[ "$(id -u)" = 0 ] || exec sudo -E sh "$0" "$@"

# Programs of the distribution: a version manager's shims in front of them answer otherwise.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH

install_packages $BUILD_PACKAGES $ENGINE_PACKAGES $IMAGE_PACKAGES lua-busted lua-check \
  libcmocka-dev clang-format python3 openssl docker-registry mandoc man-db zsh fish lintian dpkg-dev file g++
# Clients of the HTTP server.
install_packages python3-jsonschema python3-requests python3-httpx python3-aiohttp nodejs
# The IPython of notebooks: sandboxes see this machine's.
install_packages python3-ipython
build "$top/build" -DENCLAVE_TESTS=ON

work=$(mktemp -d /tmp/enclave-test.XXXXXX)
ENCLAVE_TEST_ENGINE=$work/engine
finish() {
  stop_engine "$ENCLAVE_TEST_ENGINE"
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say "starting a private Docker Engine in $ENCLAVE_TEST_ENGINE"
start_engine "$ENCLAVE_TEST_ENGINE"
own_image
ENCLAVE_IMAGE=$OWN_IMAGE
ENCLAVE_LUA=$top/build/enclave-lua
LUA_PATH="$top/lua/?.lua;$top/lua/?/init.lua;$top/?.lua;;"
LUA_CPATH="$top/build/lua/?.so;;"
export ENCLAVE_TEST_ENGINE ENCLAVE_IMAGE ENCLAVE_LUA LUA_PATH LUA_CPATH

if [ "${1:-}" = --languages ]; then
  languages_image full
  busted --lua=/usr/bin/lua5.4 --helper=spec/helper.lua spec/multi_code_languages_spec.lua
  exit
fi
languages_image quick

if [ "${1:-}" = --bench ]; then
  install_packages wrk
  build/enclave-lua spec/bench/main.lua
  exit
fi

passed=0 failed=0
# check NAME COMMAND ...: one check that passes or fails as a whole.
check() {
  check_name=$1
  shift
  say "$check_name"
  if "$@" >"$work/check.log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    cat "$work/check.log"
  fi
}

check "formatting" sh -c 'git ls-files "*.c" "*.h" | xargs clang-format --dry-run -Werror'
check "luacheck" luacheck -q lua spec examples

say "C unit tests"
ctest --test-dir build --output-on-failure --timeout 300 >"$work/ctest.log" 2>&1 || cat "$work/ctest.log"
total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$work/ctest.log")
broken=$(sed -n 's/.*, \([0-9]*\) tests failed out of .*/\1/p' "$work/ctest.log")
passed=$((passed + ${total:-0} - ${broken:-0}))
failed=$((failed + ${broken:-1}))

# One process a file: what one leaves behind is not another's.
for spec in spec/*_spec.lua; do
  say "$spec"
  timeout 600 busted --lua=/usr/bin/lua5.4 --helper=spec/helper.lua -o plainTerminal "$spec" \
    >"$work/spec.log" 2>&1 || cat "$work/spec.log"
  line=$(grep -E '^[0-9]+ success(es)? / [0-9]+ failures? / [0-9]+ errors? / [0-9]+ pending' "$work/spec.log" | tail -n 1)
  # No such line: the runner itself died.
  [ -n "$line" ] || { failed=$((failed + 1)); continue; }
  # shellcheck disable=SC2086 # words
  set -- $line
  passed=$((passed + $1))
  failed=$((failed + $4 + $7 + ${10}))
done

say "done"
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
