# setup.sh - what quickstart.sh and spec/run.sh share: packages, build, a Docker Engine, an
# image. Sourced, not run. Needs a POSIX shell; `top` is the root of the sources.
# shellcheck shell=sh disable=SC2034 # used by those who source it

ENCLAVE_CACHE=${ENCLAVE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/enclave}
OFFICIAL_IMAGE=python:3.11-slim
OWN_IMAGE=enclave/python:3.11
IMAGE_TAR=$ENCLAVE_CACHE/python-3.11.tar # what OWN_IMAGE is made of

BUILD_PACKAGES="gcc cmake ninja-build pkg-config musl-tools libuv1-dev libcurl4-openssl-dev \
libjansson-dev libarchive-dev libmicrohttpd-dev liblua5.4-dev lua5.4 lua-cjson lua-argparse curl ca-certificates"
ENGINE_PACKAGES="docker.io iptables iproute2"
IMAGE_PACKAGES="mmdebstrap"

say() { printf '%s\n' "-- $*" >&2; }
die() { printf '%s\n' "error: $*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo "$@"
  else die "this step needs root: run as root, or install sudo: $*"
  fi
}

# show_progress LOG: seconds and the last line of a log, until this script ends or kills it.
show_progress() {
  shown=0
  while sleep 1 && kill -0 $$ 2>/dev/null; do
    shown=$((shown + 1))
    printf '\r   %s s  %.60s\033[K' "$shown" "$(tail -n 1 "$1" | tr -cd '[:print:]')" >&2
  done
}

# quietly NAME COMMAND ...: a long command with its output in a log. A terminal sees that it goes
# on; the end of the log is shown when it fails.
quietly() {
  quiet_log=$ENCLAVE_CACHE/$1.log quiet_code=0 quiet_watch=
  shift
  mkdir -p "$ENCLAVE_CACHE"
  : >"$quiet_log"
  if [ -t 2 ]; then
    show_progress "$quiet_log" &
    quiet_watch=$!
  fi
  "$@" >"$quiet_log" 2>&1 || quiet_code=$?
  if [ -n "$quiet_watch" ]; then
    kill "$quiet_watch" 2>/dev/null || :
    printf '\r\033[K' >&2
  fi
  if [ "$quiet_code" != 0 ]; then
    tail -n 30 "$quiet_log" >&2
    die "failed: $* (all of its output: $quiet_log)"
  fi
}

# install_packages NAME ...: what is missing of these Debian packages.
install_packages() {
  missing=
  if ! command -v dpkg-query >/dev/null 2>&1; then
    command -v cmake >/dev/null 2>&1 && return 0
    die "no apt on this system. Install what these Debian packages hold, then run this again: $*"
  fi
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
      missing="$missing $package"
  done
  [ -z "$missing" ] && return 0
  say "installing:$missing"
  as_root true # asks for the password, if it must, before anything hides the question
  quietly apt-update as_root apt-get update -q
  # shellcheck disable=SC2086 # a list of words
  quietly apt-install as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends $missing
}

# build DIR [cmake option ...]
build() {
  build_dir=$1
  shift
  say "building in $build_dir"
  quietly cmake cmake -S "$top" -B "$build_dir" -G Ninja "$@"
  quietly build cmake --build "$build_dir"
}

# docker_api METHOD PATH [curl option ...]: one call to the engine that DOCKER_HOST,
# DOCKER_TLS_VERIFY and DOCKER_CERT_PATH name, or the default socket. Fails on status >= 400.
docker_api() {
  api_method=$1 api_path=$2
  shift 2
  case ${DOCKER_HOST:-unix:///var/run/docker.sock} in
  unix://*)
    api_socket=${DOCKER_HOST:-unix:///var/run/docker.sock}
    curl -sS -f --noproxy '*' --unix-socket "${api_socket#unix://}" \
      -X "$api_method" "$@" "http://localhost$api_path" ;;
  *)
    api_base=${DOCKER_HOST#*://}
    if [ -n "${DOCKER_TLS_VERIFY:-}" ]; then
      api_certs=${DOCKER_CERT_PATH:-$HOME/.docker}
      curl -sS -f --noproxy '*' --cacert "$api_certs/ca.pem" --cert "$api_certs/cert.pem" \
        --key "$api_certs/key.pem" -X "$api_method" "$@" "https://$api_base$api_path"
    else
      curl -sS -f --noproxy '*' -X "$api_method" "$@" "http://$api_base$api_path"
    fi ;;
  esac
}

engine_answers() { docker_api GET /_ping --max-time 5 >/dev/null 2>&1; }

# start_engine DIR [dockerd option ...]: a private engine that lives in DIR: data, socket, log, pid.
# Engines that set up their networks at the same time get in each other's way: it is tried again.
start_engine() {
  engine_dir=$1
  shift
  mkdir -p "$engine_dir"
  DOCKER_HOST=unix://$engine_dir/docker.sock
  export DOCKER_HOST
  for engine_pause in 1 2 3 4 0; do
    if try_engine "$@"; then return; fi
    sleep "$engine_pause"
  done
  tail -n 20 "$engine_dir/dockerd.log" >&2
  die "the private Docker Engine did not start (its log: $engine_dir/dockerd.log)"
}

# try_engine [dockerd option ...]: in engine_dir. False: it has ended again, or does not answer.
try_engine() {
  # In a session of its own, so that ^C at the terminal reaches the script and not the engine.
  as_root sh -c 'd=$1; shift; cd / && exec setsid -f "$@" >"$d/dockerd.log" 2>&1' sh "$engine_dir" \
    dockerd --host "unix://$engine_dir/docker.sock" --data-root "$engine_dir/data" \
    --exec-root "$engine_dir/exec" --pidfile "$engine_dir/dockerd.pid" --log-level warn "$@"
  engine_waited=0
  until engine_answers; do
    engine_waited=$((engine_waited + 1))
    if [ "$engine_waited" -ge 120 ] || grep -q '^failed to start daemon' "$engine_dir/dockerd.log"; then
      return 1
    fi
    sleep 0.5
  done
}

# runs PID [WORD]: whether the process lives, with that in its command line: the pid may be a
# stranger's by now. One that has ended and that nobody waits for is listed without a command line.
runs() { { tr '\0' ' ' <"/proc/$1/cmdline" | grep -qF -- "${2:- }"; } 2>/dev/null; }

# stop_engine DIR: ends the engine that start_engine started there, and waits for its end.
stop_engine() {
  engine_pid=$(cat "$1/dockerd.pid" 2>/dev/null) || return 0
  runs "$engine_pid" "$1/docker.sock" || return 0
  as_root kill "$engine_pid"
  stop_waited=0
  while runs "$engine_pid" "$1/docker.sock" && [ "$stop_waited" -lt 60 ]; do
    stop_waited=$((stop_waited + 1))
    sleep 0.5
  done
  # The engine leaves the mount of its own data behind when it runs in no service of its own.
  as_root umount "$1/data" 2>/dev/null || :
}

# end_shims DIR: of engines below it that were killed, whose containers ended while they were dead.
end_shims() { as_root pkill -KILL -f -- "-address $1/" || :; }

has_image() { docker_api GET "/images/$1/json" >/dev/null 2>&1; }

# pull_image NAME TAG: false when the engine cannot get it.
pull_image() {
  say "pulling $1:$2"
  pull_log=$ENCLAVE_CACHE/pull.log
  mkdir -p "$ENCLAVE_CACHE"
  docker_api POST "/images/create?fromImage=$1&tag=$2" -N >"$pull_log" 2>&1 &
  pull_pid=$!
  while kill -0 "$pull_pid" 2>/dev/null; do
    sleep 1
    [ -t 2 ] && printf '\r   %s layer events' "$(tr '\r' '\n' <"$pull_log" | grep -c progressDetail)" >&2
  done
  [ -t 2 ] && printf '\r' >&2
  wait "$pull_pid" && ! grep -q '"errorDetail"' "$pull_log" && has_image "$1:$2"
}

# make_image_root TAR [PACKAGE,... [SUITE]]: a Debian root with Python, laid out as in the official
# image, and more packages; of Debian 12 unless another suite is named.
make_image_root() {
  [ -s "$1" ] && return 0
  install_packages $IMAGE_PACKAGES
  say "building an image from Debian packages, once: python3${2:+,$2}"
  mkdir -p "$(dirname "$1")"
  # Only root may make device nodes and owners as they are.
  # Java's packages want the folder of the manual pages.
  quietly mmdebstrap as_root mmdebstrap --variant=essential --dpkgopt=force-unsafe-io \
    --include="python3,ca-certificates${2:+,$2}" \
    --essential-hook='mkdir -p "$1/usr/share/man/man1"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --customize-hook='rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin' \
    --customize-hook='ln -s /usr/bin/python3 "$1/usr/local/bin/python3"' \
    --customize-hook='ln -s /usr/bin/python3 "$1/usr/local/bin/python"' \
    "${3:-bookworm}" "${1%.tar}.new.tar"
  mv -f "${1%.tar}.new.tar" "$1"
}

# import_image NAME TAG TAR
import_image() {
  say "importing $1:$2"
  # CMD ["python3"] and ENV PATH=…, as the official image has them.
  import_changes='changes=CMD%20%5B%22python3%22%5D&changes=ENV%20PATH%3D/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin'
  quietly import docker_api POST "/images/create?fromSrc=-&repo=$1&tag=$2&$import_changes" \
    -H 'Content-Type: application/x-tar' -T "$3"
  has_image "$1:$2" || die "the engine did not take the image (its answer: $ENCLAVE_CACHE/import.log)"
}

own_image() {
  has_image "$OWN_IMAGE" && return 0
  make_image_root "$IMAGE_TAR"
  import_image "${OWN_IMAGE%:*}" "${OWN_IMAGE#*:}" "$IMAGE_TAR"
}
