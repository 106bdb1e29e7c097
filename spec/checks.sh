# checks.sh - how spec/run.sh runs its checks and counts them. Sourced, not run. Lanes run at
# the same time, each with an engine and a folder of its own; what is counted is one word a line
# in $work/count: passed, failed or skipped.
# shellcheck shell=sh disable=SC2154 # top and work are those of run.sh

counted() {
  while [ "$2" -gt 0 ]; do echo "$1"; set -- "$1" $(($2 - 1)); done >>"$work/count"
}

total() { grep -c "^$1\$" "$work/count" || :; }

# outcome SECONDS NAME FAILED [LOG]: the one line that each step ends with, and why it failed.
outcome() {
  took=$(($(date +%s) - $1))
  if [ "$3" = 0 ]; then
    printf '   ok %4d s  %s\n' "$took" "$2" >&2
    return
  fi
  printf 'FAILED %3d s  %s\n' "$took" "$2" >&2
  [ -z "${4:-}" ] || cat "$4"
}

# check NAME COMMAND ...: one check that passes or fails as a whole.
check() {
  check_name=$1 check_began=$(date +%s)
  check_log=$(mktemp "$work/check.XXXXXX")
  shift
  if "$@" >"$check_log" 2>&1; then
    counted passed 1
    outcome "$check_began" "$check_name" 0
  else
    counted failed 1
    outcome "$check_began" "$check_name" 1 "$check_log"
  fi
}

# needs NAME PROGRAM ...: false, and the check is skipped, where a program is missing. In CI
# that is a failure.
needs() {
  needs_name=$1
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 && continue
    printf 'skipped: %s: there is no %s on this machine\n' "$needs_name" "$program"
    if [ -n "${CI:-}" ]; then counted failed 1; else counted skipped 1; fi
    return 1
  done
}

# c_tests BUILD: the C unit tests.
c_tests() {
  c_began=$(date +%s) c_log=$work/ctest-$(basename "$1").log
  ctest --test-dir "$1" --output-on-failure --timeout 300 >"$c_log" 2>&1 || :
  c_total=$(sed -n 's/.* tests failed out of \([0-9]*\)$/\1/p' "$c_log")
  c_broken=$(sed -n 's/.*, \([0-9]*\) tests failed out of .*/\1/p' "$c_log")
  # No such line: ctest itself did not run.
  c_broken=${c_broken:-1}
  counted passed $((${c_total:-1} - c_broken))
  counted failed "$c_broken"
  sed -i -E '/ Passed |^ +Start |^\[ +(RUN|OK) /d' "$c_log" # what is left tells of failures
  outcome "$c_began" "C unit tests, $1" "$c_broken" "$c_log"
}

# lua_specs BUILD LUA REPORTS [WITHOUT ...]: every spec but those, one process a file: what one
# leaves behind is not another's. Whatever process of it wrote a report of a sanitizer fails it,
# whatever busted said.
lua_specs() {
  ENCLAVE_LUA=$top/$1/enclave-lua
  LUA_CPATH="$top/$1/lua/?.so;;"
  export ENCLAVE_LUA LUA_CPATH
  spec_log=$work/spec-$(basename "$1").log
  spec_build=$1 spec_lua=$2 spec_reports=$3
  shift 3
  for spec in spec/*_spec.lua; do
    case " $* " in *" $spec "*) continue ;; esac
    spec_began=$(date +%s)
    spec_code=0
    timeout 600 busted --lua="$spec_lua" --helper=spec/helper.lua -o plainTerminal "$spec" \
      >"$spec_log" 2>&1 || spec_code=$?
    for report in "$spec_reports".*; do
      [ -f "$report" ] || continue
      spec_code=report
      cat "$report" >>"$spec_log"
      rm "$report"
    done
    spec_counts "$spec_build"
  done
}

# Counts the results of one file in $spec_log.
spec_counts() {
  spec_line=$(grep -E '^[0-9]+ success(es)? / [0-9]+ failures? / [0-9]+ errors? / [0-9]+ pending' \
    "$spec_log" | tail -n 1)
  spec_name=$spec
  # shellcheck disable=SC2086 # words
  set -- "$1" ${spec_line:-0 successes / 0 failures / 1 error / 0 pending}
  counted passed "$2"
  spec_broken=$(($5 + $8))
  [ "$spec_code" = 0 ] || [ "$spec_broken" != 0 ] || spec_broken=1
  counted failed "$spec_broken"
  if [ "${11}" != 0 ]; then
    grep '^Pending' -A 2 "$spec_log"
    if [ -n "${CI:-}" ]; then counted failed "${11}"; else counted skipped "${11}"; fi
  fi
  outcome "$spec_began" "$spec_name, $1" "$spec_broken" "$spec_log"
}
