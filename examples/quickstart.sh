#!/bin/sh
# quickstart.sh - from a fresh machine to code that ran in a warm sandbox: packages, build,
# a Docker Engine, an image, examples/pool.lua. Run again, it takes seconds.
#
#   sh examples/quickstart.sh          set up, then run examples/pool.lua
#   sh examples/quickstart.sh --stop   end the private Docker Engine, if it started one
set -eu
top=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
# shellcheck source=examples/setup.sh
. "$top/examples/setup.sh"
private=$ENCLAVE_CACHE/engine

case ${1:-} in
'') ;;
--stop) stop_engine "$private"; say "stopped"; exit 0 ;;
*) die "unknown argument '$1'; expected nothing or --stop" ;;
esac

# shellcheck disable=SC2086 # words
install_packages $BUILD_PACKAGES
build "$top/build" -DENCLAVE_TESTS=OFF

if engine_answers; then
  say "using the Docker Engine at ${DOCKER_HOST:-unix:///var/run/docker.sock}"
elif [ -n "${DOCKER_HOST:-}" ]; then
  die "DOCKER_HOST is $DOCKER_HOST, but no Docker Engine answers there"
elif DOCKER_HOST=unix://$private/docker.sock && export DOCKER_HOST && engine_answers; then
  say "using the private Docker Engine at $DOCKER_HOST"
else
  unset DOCKER_HOST
  # shellcheck disable=SC2086 # words
  install_packages $ENGINE_PACKAGES
  # Where the package started a service, that one is used.
  sleep 1
  if engine_answers; then
    say "using the Docker Engine that the package docker.io started"
  elif [ -S /var/run/docker.sock ] && as_root curl -s --max-time 5 --unix-socket /var/run/docker.sock \
    http://localhost/_ping >/dev/null; then
    die "the Docker Engine at /var/run/docker.sock is not open to user $(id -un); run as root, or: sudo usermod -aG docker $(id -un), and log in again"
  else
    say "no Docker Engine answers: starting a private one in $private"
    start_engine "$private" --group "$(id -g)"
    say "it keeps running for later runs; to end it: sh examples/quickstart.sh --stop"
  fi
fi

if [ -z "${ENCLAVE_IMAGE:-}" ]; then
  if has_image "$OFFICIAL_IMAGE"; then
    ENCLAVE_IMAGE=$OFFICIAL_IMAGE
  elif has_image "$OWN_IMAGE"; then
    ENCLAVE_IMAGE=$OWN_IMAGE
  elif pull_image "${OFFICIAL_IMAGE%:*}" "${OFFICIAL_IMAGE#*:}"; then
    ENCLAVE_IMAGE=$OFFICIAL_IMAGE
  else
    say "no registry can be reached for $OFFICIAL_IMAGE: making $OWN_IMAGE in its place"
    own_image
    ENCLAVE_IMAGE=$OWN_IMAGE
  fi
fi
export ENCLAVE_IMAGE

say "image $ENCLAVE_IMAGE; running examples/pool.lua"
say "to run it by hand: ${DOCKER_HOST:+DOCKER_HOST=$DOCKER_HOST }ENCLAVE_IMAGE=$ENCLAVE_IMAGE build/enclave-lua examples/pool.lua"
exec "$top/build/enclave-lua" "$top/examples/pool.lua"
