#!/bin/sh
# engine.sh - the private Docker Engine of the test run, for specs that break it on purpose.
#
#   sh spec/engine.sh start|restart [dockerd option ...]
#   sh spec/engine.sh stop|kill
#
# ENCLAVE_TEST_ENGINE is its folder. Only the engine that lives there is ever touched.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=examples/setup.sh
. "$top/examples/setup.sh"
dir=${ENCLAVE_TEST_ENGINE:?the folder of the test engine; spec/run.sh sets it}

kill_engine() {
  # A killed engine may leave its containerd behind.
  for file in dockerd.pid exec/containerd/containerd.pid; do
    dead=$(cat "$dir/$file")
    kill -KILL "$dead" 2>/dev/null || true
    while runs "$dead"; do sleep 0.1; done
    rm -f "$dir/$file"
  done
}

command=${1:-}
[ $# -eq 0 ] || shift
case $command in
start) start_engine "$dir" "$@" ;;
stop) stop_engine "$dir" ;;
kill) kill_engine ;;
restart)
  stop_engine "$dir"
  start_engine "$dir" "$@"
  ;;
*) die "expected start, stop, kill or restart, got '$command'" ;;
esac
