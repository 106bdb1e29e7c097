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

# Linux alone has these calls: they stand in src/agent/, which runs nowhere else, and in files that
# are named for it; scripts.h is shell code for sandboxes. Fails and shows the others.
linux_calls='accept4|SOCK_NONBLOCK|SOCK_CLOEXEC|pipe2|dup3|/proc/|/sys/|prctl|eventfd|signalfd|timerfd'
linux_calls="$linux_calls|memfd|pidfd|epoll|inotify|O_PATH|O_TMPFILE|MSG_NOSIGNAL|getrandom|sysinfo"
linux_calls="$linux_calls|close_range|renameat2|statx|splice|sendfile|unshare|setns|SYS_|<linux/"
linux_calls="$linux_calls|sched_|ptsname_r|gettid|SO_PEERCRED|CLOCK_BOOTTIME|execvpe|strchrnul"
portable() {
  ! (cd "$top" && grep -rnE "(^|[^A-Za-z0-9_])($linux_calls)" src include \
    --include='*.[ch]' --exclude-dir=agent --exclude='*_linux.c' --exclude=scripts.h |
    grep -v -e '^src/loop/loop.c:.*SOCK_CLOEXEC' -e '^src/loop/watch.h:1:')
}

# Minutes: sh spec/run.sh --analyze. The rules are those of .clang-tidy.
clang_tidy() {
  find "$top"/src -name '*.c' ! -path '*/agent/*' -print0 |
    xargs -0 -P2 -n4 clang-tidy -p "$top/build" --quiet
  find "$top"/src/agent ! -path "*/entry/*" -name '*.c' -print0 | xargs -0 -P2 -n4 sh -c '
    top=$0
    clang-tidy --quiet "$@" -- -std=gnu11 -D_GNU_SOURCE -I "$top/src/agent" -I "$top/src/wire" \
      -I "$top/src/base"' "$top"
}

# The same for gcc. Left out: gcc 12 does not know that what is put into a list, or kept by a
# struct that the caller has, is no leak; the sanitizers and valgrind watch memory.
gcc_analyzer() {
  set -- -fanalyzer -Wno-analyzer-malloc-leak
  CFLAGS=$* cmake -S "$top" -B "$top/build-analyze" -G Ninja -DENCLAVE_TESTS=OFF \
    -DENCLAVE_AGENT_FLAGS="$1;$2"
  cmake --build "$top/build-analyze"
}
