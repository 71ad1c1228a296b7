#!/bin/sh
# Runs the tests that need the stage, all on one Keycloak, unless SCHLEUSE_STAGE
# names one that runs already. The whole piece in ./e2e takes ten minutes,
# because somebody in it looks for their card that long; the others run beside it,
# one after another, and are shown at the end. The demo starts its own.
set -u
cd "$(dirname "$0")/.."

[ -n "${SCHLEUSE_STAGE:-}" ] || exec go run ./e2e/cmd/stage sh e2e/test.sh

others=$(go list ./e2e/... | grep '/e2e/')
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# shellcheck disable=SC2086 # a list of packages
go test -p 1 -count=1 -timeout 40m $others >"$log" 2>&1 &
beside=$!

go test -v -count=1 -timeout 40m ./e2e
whole=$?
wait "$beside"
rest=$?
cat "$log"
[ "$whole" = 0 ] && [ "$rest" = 0 ]
