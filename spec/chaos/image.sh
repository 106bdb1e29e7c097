# image.sh - an image that must be pulled: a registry on the loopback, with registry.py before it.
# Sourced by run.sh. Its one program prints its first argument; its second layer is random.
# shellcheck shell=sh

# start_registry FOLDER: $registry has the processes.
start_registry() {
  cat >"$1/registry.yml" <<EOF
version: 0.1
storage: { filesystem: { rootdirectory: $1/registry-data } }
http: { addr: "127.0.0.1:0" }
EOF
  docker-registry serve "$1/registry.yml" >"$1/registry.log" 2>&1 & registry=$!
  registry_port=
  while [ -z "$registry_port" ]; do
    kill -0 "$registry" || die "docker-registry ended: $(cat "$1/registry.log")"
    sleep 0.1
    registry_port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$1/registry.log")
  done
  python3 spec/chaos/registry.py "$registry_port" "$1" & registry="$registry $!"
  while ! [ -e "$1/registry" ]; do sleep 0.1; done
}

# publish_image FOLDER: FOLDER/image has its name; no engine has it.
publish_image() {
  image=$(cat "$1/registry")/chaos/say:1
  mkdir "$1/root"
  gcc -static -Os -o "$1/root/say" -x c - <<'EOF'
#include <stdio.h>
int main(int argc, char **argv) {
    return argc < 2 || fputs(argv[1], stdout) < 0;
}
EOF
  head -c 6000000 /dev/urandom >"$1/random"
  tar -C "$1/root" -c say | docker import - "$image"
  docker create --name chaos-say "$image" /say
  docker cp "$1/random" chaos-say:/random
  docker commit chaos-say "$image"
  docker rm chaos-say
  docker push "$image"
  docker rmi "$image"
  echo "$image" >"$1/image"
}
