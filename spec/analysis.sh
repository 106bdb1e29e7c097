# analysis.sh - what reads the C code without running it. Sourced, not run.
# shellcheck shell=sh disable=SC2154 # top is that of run.sh

# Seconds. Left out: a NULL as the last argument is a pointer in every libc there is; the agent's
# bytes lie between two symbols of an assembler file; what a function that answers with a bool
# allocates, it keeps.
cpp_check() {
  set --
  for folder in "$top"/src/*/; do set -- "$@" -I "$folder"; done
  cppcheck -j2 --quiet --std=c11 --enable=warning,performance,portability --error-exitcode=1 \
    --suppress=missingInclude --suppress=varFuncNullUB --suppress=comparePointers \
    --suppress=leakReturnValNotUsed -D_GNU_SOURCE -D__x86_64__ \
    -DLLONG_MAX=9223372036854775807LL -I "$top/include" "$@" "$top/src"
}

# Minutes: sh spec/run.sh --analyze. The rules are those of .clang-tidy.
clang_tidy() {
  find "$top"/src -name '*.c' ! -path '*/agent/*' -print0 |
    xargs -0 -P2 -n4 clang-tidy -p "$top/build" --quiet
}
