#!/bin/sh
# Builds the image NAME[:TAG] (default localhost/schleuse:VERSION, the chart's appVersion) with what is
# there: buildah, podman or docker. CONTAINER_TOOL names one; BUILDAH_ARGS are
# buildah's global options, such as --storage-driver vfs.
set -eu

cd "$(dirname "$0")/../.."
name=${1:-localhost/schleuse}

say() { printf 'image: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

tool=${CONTAINER_TOOL:-}
if [ -z "$tool" ]; then
  for candidate in buildah podman docker; do
    if has "$candidate"; then tool=$candidate; break; fi
  done
fi
[ -n "$tool" ] || { say "none of buildah, podman, docker is here: install one (Debian: buildah)"; exit 1; }

certificates=
for file in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem; do
  if [ -f "$file" ]; then certificates=$file; break; fi
done
[ -n "$certificates" ] || { say "no file of authorities' certificates is here (Debian: ca-certificates)"; exit 1; }

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
cp "$certificates" "$context/ca-certificates.crt"
printf 'schleuse:x:65532:65532:schleuse:/:/sbin/nologin\n' >"$context/passwd"
say "building the program …"
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$context/schleuse" ./sidecar/cmd/schleuse
case ${name##*/} in
  *:*) ;;
  *) name=$name:$(sed -n 's/^appVersion: //p' charts/schleuse/Chart.yaml) ;;
esac
say "building $name with $tool …"
case $tool in
  # shellcheck disable=SC2086 # options, split on purpose
  *buildah) "$tool" ${BUILDAH_ARGS:-} build -f sidecar/image/Containerfile -t "$name" "$context" >&2 ;;
  *) "$tool" build -f sidecar/image/Containerfile -t "$name" "$context" >&2 ;;
esac
echo "$name"
