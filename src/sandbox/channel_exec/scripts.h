/* scripts.h - the shell scripts of the exec channel. POSIX sh, cat, head, mkdir, chmod, ln,
 * grep, find, tr, wc. Names and values reach them as arguments, never as script text;
 * paths are written with printf's %b escapes, so that any byte can be in them. */
#ifndef ENC_EXEC_SCRIPTS_H
#define ENC_EXEC_SCRIPTS_H

#define ENC_EXIT_MISSING 44 /* no such file */
#define ENC_EXIT_FOLDER  45 /* it is a folder */
#define ENC_EXIT_SPECIAL 46 /* a device or the like */

/* The first process of the container, as root; arguments: the user that is to own the work
 * folder ("": it is not ours to give away) and the work folder, then the service's. It ends
 * when its standard input does: the attached stream, which ends with the engine. Waiting
 * for the reader, the shell also takes in every orphan. A background job has /dev/null as
 * standard input, so the stream goes by another descriptor. (A fresh tmpfs has the mode of
 * the folder under it, and its owner can only be a number: hence chown.) */
#define ENC_SCRIPT_FIRST                                                                           \
    "[ -z \"$1\" ] || { chown \"$1\" \"$2\"; chmod 0755 \"$2\"; }\n"                               \
    "shift 2\n"                                                                                    \
    "exec 3<&0\n"                                                                                  \
    "cat <&3 >/dev/null &\n"                                                                       \
    "reader=$!\n"                                                                                  \
    "service=0\n"                                                                                  \
    "if [ $# -gt 0 ]; then \"$@\" </dev/null >/dev/null 2>&1 3<&- & service=$!; fi\n"              \
    "echo \"enclave $reader $service\"\n"                                                          \
    "exec 3<&- </dev/null\n"                                                                       \
    "wait \"$reader\"\n"

#define ENC_SCRIPT_PATH                                                                            \
    "decode() { v=$(printf '%b.' \"$1\"); v=${v%.}; }\n"                                           \
    "decode \"$1\"; p=$v\n"

/* A run; arguments: the folder; limits (0: none) of cpu seconds, memory in KiB, file size in
 * blocks of 512 bytes, open files, processes, stack in KiB; how many bytes of input there will
 * be ("-": until its end, or none); then the program's. A known length needs no end of input,
 * which not every proxy in front of a Docker Engine passes on. */
#define ENC_SCRIPT_RUN                                                                             \
    ENC_SCRIPT_PATH                                                                                \
    "cd -- \"$p\" 2>/dev/null || { echo \"cannot enter folder $p\" >&2; exit 126; }\n"             \
    "shift\n"                                                                                      \
    "limit() { [ \"$2\" = 0 ] || ulimit \"-$1\" \"$2\" || exit 126; }\n"                           \
    "limit t \"$1\"; limit f \"$3\"; limit n \"$4\"; limit s \"$6\"; limit v \"$2\"\n"             \
    "[ \"$5\" = 0 ] || ulimit -u \"$5\" 2>/dev/null || ulimit -p \"$5\" || exit 126\n"             \
    "size=$7; shift 7\n"                                                                           \
    "[ \"$size\" = - ] && exec \"$@\"\n"                                                           \
    "head -c \"$size\" | exec \"$@\"\n"

/* Kills every process that carries a mark in its environment; argument: the mark. */
#define ENC_SCRIPT_KILL                                                                            \
    "tries=0\n"                                                                                    \
    "while [ $tries -lt 100 ]; do\n"                                                               \
    "  found=$(grep -Fls -- \"$1\" /proc/[0-9]*/environ)\n"                                        \
    "  [ -n \"$found\" ] || exit 0\n"                                                              \
    "  for f in $found; do p=${f#/proc/}; kill -KILL \"${p%/environ}\" 2>/dev/null; done\n"        \
    "  tries=$((tries + 1))\n"                                                                     \
    "done\n"                                                                                       \
    "exit 1\n"

#define ENC_SCRIPT_PARENT                                                                          \
    ENC_SCRIPT_PATH                                                                                \
    "parent=${p%/*}; [ -z \"$parent\" ] || mkdir -p -- \"$parent\" || exit 1\n"

/* Arguments: path, mode, number of bytes. */
#define ENC_SCRIPT_PUT                                                                             \
    ENC_SCRIPT_PARENT                                                                              \
    "[ ! -d \"$p\" ] || exit 45\n"                                                                 \
    "head -c \"$3\" >\"$p\" && chmod \"$2\" \"$p\"\n"
#define ENC_SCRIPT_FOLDER                                                                          \
    ENC_SCRIPT_PATH                                                                                \
    "mkdir -p -- \"$p\" && chmod \"$2\" \"$p\"\n"
/* Arguments: path, target. */
#define ENC_SCRIPT_LINK                                                                            \
    ENC_SCRIPT_PARENT                                                                              \
    "[ -L \"$p\" ] || [ ! -d \"$p\" ] || exit 45\n"                                                \
    "decode \"$2\"; rm -f -- \"$p\" && ln -s -- \"$v\" \"$p\"\n"
/* Argument: path. */
#define ENC_SCRIPT_GET                                                                             \
    ENC_SCRIPT_PATH                                                                                \
    "[ -e \"$p\" ] || exit 44\n"                                                                   \
    "[ ! -d \"$p\" ] || exit 45\n"                                                                 \
    "[ -f \"$p\" ] || exit 46\n"                                                                   \
    "exec cat -- \"$p\"\n"

/* Cleans, as root. Arguments: the service's pid (0: none), the reader's, the work folder's
 * mode (0: leave it), the work folder, then pairs of "whole" or "nested" (something is
 * mounted below) and a folder. Says "processes files". Killing uses what is built into the
 * shell, so that it works when nothing more can be forked. */
#define ENC_SCRIPT_RESET                                                                           \
    "service=$1 spare=\" 1 $$ $2 \" mode=$3 work=$4; shift 4\n"                                    \
    "field() {\n"                                                                                  \
    "  value=\n"                                                                                   \
    "  while read -r key rest; do [ \"$key\" = \"$2:\" ] && { value=${rest%% *}; break; }; done"   \
    " 2>/dev/null <\"/proc/$1/status\"\n"                                                          \
    "}\n"                                                                                          \
    "serves() {\n"                                                                                 \
    "  at=$1\n"                                                                                    \
    "  while [ \"${at:-0}\" -gt 1 ]; do\n"                                                         \
    "    [ \"$at\" = \"$service\" ] && return 0\n"                                                 \
    "    field \"$at\" PPid; at=$value\n"                                                          \
    "  done\n"                                                                                     \
    "  return 1\n"                                                                                 \
    "}\n"                                                                                          \
    "tries=0 killed=0 seen=' '\n"                                                                  \
    "while :; do\n"                                                                                \
    "  found=\n"                                                                                   \
    "  for p in /proc/[0-9]*; do\n"                                                                \
    "    p=${p#/proc/}\n"                                                                          \
    "    case $spare in *\" $p \"*) continue ;; esac\n"                                            \
    "    field \"$p\" State; value=${value%%[!A-Za-z]*}\n"                                         \
    "    case $value in '' | Z | X) continue ;; esac\n"                                            \
    "    if [ \"$service\" != 0 ] && serves \"$p\"; then continue; fi\n"                           \
    "    found=1\n"                                                                                \
    "    case $seen in *\" $p \"*) ;; *) seen=\"$seen$p \" killed=$((killed + 1)) ;; esac\n"       \
    "    kill -KILL \"$p\" 2>/dev/null\n"                                                          \
    "  done\n"                                                                                     \
    "  [ -n \"$found\" ] || break\n"                                                               \
    "  tries=$((tries + 1))\n"                                                                     \
    "  [ $tries -lt 1000 ] || { echo 'processes do not end' >&2; exit 50; }\n"                     \
    "done\n"                                                                                       \
    "for kind in shm msg sem; do\n"                                                                \
    "  lines=0\n"                                                                                  \
    "  while read -r key; do lines=$((lines + 1)); done 2>/dev/null <\"/proc/sysvipc/$kind\"\n"    \
    "  [ $lines -le 1 ] || { echo 'System V IPC objects are left' >&2; exit 51; }\n"               \
    "done\n"                                                                                       \
    "files=0\n"                                                                                    \
    "while [ $# -gt 1 ]; do\n"                                                                     \
    "  how=$1 place=$2; shift 2\n"                                                                 \
    "  [ -d \"$place\" ] || continue\n"                                                            \
    "  n=$(find \"$place\" -xdev -mindepth 1 -print0 | tr -cd '\\000' | wc -c)\n"                  \
    "  [ \"$n\" -gt 0 ] || continue\n"                                                             \
    "  find \"$place\" -xdev -mindepth 1 -depth -delete 2>/dev/null\n"                             \
    "  left=$(find \"$place\" -xdev -mindepth 1 -print0 | tr -cd '\\000' | wc -c)\n"               \
    "  files=$((files + n - left))\n"                                                              \
    "  [ \"$how\" = whole ] || left=$(find \"$place\" -xdev -mindepth 1 ! -type d | wc -c)\n"      \
    "  [ \"$left\" -eq 0 ] || { echo \"files are left in $place\" >&2; exit 52; }\n"               \
    "done\n"                                                                                       \
    "[ \"$mode\" = 0 ] || chmod \"$mode\" \"$work\" || exit 53\n"                                  \
    "echo \"$killed $files\"\n"

#endif
