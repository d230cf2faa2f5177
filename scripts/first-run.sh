#!/bin/sh
# Called by ./ml: installs the pinned packages and builds dist/ml, with progress on stderr, then runs it.
# $1 is the checkout; all else goes to ml. Two of these at once wait for each other.
set -eu
root=$1
shift
say() { printf 'ml: %s\n' "$1" >&2; }
command -v npm >/dev/null 2>&1 || { say 'npm is missing: install Node.js 18 or newer (https://nodejs.org), then try again'; exit 69; }
mkdir -p "$root/dist"
build() {
  cd "$root"
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    say 'installing the pinned packages (npm ci), once'
    npm ci --no-audit --no-fund --loglevel=error >dist/install.log 2>&1 || { cat dist/install.log >&2; say 'npm ci failed'; exit 69; }
    touch node_modules/.package-lock.json
  fi
  if [ -z "$(find src python package-lock.json -newer dist/ml -print -quit 2>/dev/null || echo missing)" ]; then return; fi
  say 'building dist/ml, once'
  sh scripts/bun.sh scripts/build.ts >dist/build.log 2>&1 || { cat dist/build.log >&2; say 'the build failed'; exit 70; }
}
if command -v flock >/dev/null 2>&1; then
  exec 9>"$root/dist/.build.lock"
  flock 9
fi
(build) 9>&-
exec 9>&- 2>/dev/null || true
exec "$root/dist/ml" "$@"
