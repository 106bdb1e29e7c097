#!/bin/sh
# run.sh - callers, faults, and the account of how it went.
#
#   sh spec/chaos/run.sh SECONDS [SEED]
#
# Needs root, enclave-lua at $ENCLAVE_LUA and $ENCLAVE_IMAGE in the cache, as spec/run.sh leaves
# them. The engine it breaks is its own, on a small disk of its own.
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$top"
# shellcheck source=examples/setup.sh
. "$top/examples/setup.sh"
# shellcheck source=spec/chaos/image.sh
. "$top/spec/chaos/image.sh"
seconds=${1:?how many seconds} seed=${2:-$(date +%s)}
faketime=$(find /usr/lib -name libfaketimeMT.so.1 | head -n 1)
[ -n "$faketime" ] || die "there is no libfaketime on this machine"

folder=$(mktemp -d /tmp/enclave-chaos.XXXXXX)
proxy='' main='' registry=''
finish() {
  # shellcheck disable=SC2086 # words
  kill -KILL $proxy $main $registry 2>/dev/null || :
  stop_engine "$folder/engine"
  end_shims "$folder"
  umount "$folder/engine" 2>/dev/null || umount -l "$folder/engine" || :
  rm -rf "$folder"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

mkdir "$folder/engine"
mount -t tmpfs -o size=700m tmpfs "$folder/engine"
ENCLAVE_TEST_ENGINE=$folder/engine
export ENCLAVE_TEST_ENGINE
start_engine "$ENCLAVE_TEST_ENGINE" --max-download-attempts=1
own_image
start_registry "$folder"
publish_image "$folder" >&2

echo pass >"$folder/mode"
echo +0 >"$folder/clock"
python3 spec/chaos/proxy.py "$folder/engine/docker.sock" "$folder" & proxy=$!
while ! [ -e "$folder/port" ]; do sleep 0.1; done
say "seed $seed"
# Only the clock of the day jumps; no clock of a real machine lets the monotonic one.
LD_PRELOAD=$faketime FAKETIME_TIMESTAMP_FILE=$folder/clock FAKETIME_NO_CACHE=1 \
  FAKETIME_DONT_FAKE_MONOTONIC=1 "$ENCLAVE_LUA" spec/chaos/main.lua "$folder" "$seconds" & main=$!
while ! [ -e "$folder/ready" ]; do
  kill -0 "$main" || die "the callers did not start"
  sleep 0.1
done
python3 spec/chaos/faults.py "$folder" "$seconds" "$seed" >&2
wait "$main"
