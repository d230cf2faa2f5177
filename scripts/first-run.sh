#!/bin/sh
# Called by ./ml: installs the pinned packages and builds dist/ml where needed, with progress on stderr, then runs it.
# $1 is the checkout; all else goes to ml. Two of these at once wait for each other.
set -eu
root=$1
shift
say() { printf 'ml: %s\n' "$1" >&2; }
if ! mkdir -p "$root/dist" 2>/dev/null || [ ! -w "$root/dist" ]; then
  [ -x "$root/dist/ml" ] && exec "$root/dist/ml" "$@"
  say "\`$root/dist\` cannot be written to, and ml is not built yet: run it once as the owner of that folder"
  exit 69
fi

is_fresh() {
  here=$root stale=yes
  [ -x "$root/dist/ml" ] && [ -r "$root/dist/fresh.sh" ] && . "$root/dist/fresh.sh"
  [ -z "$stale" ]
}
install() {
  [ -e node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ] && return
  command -v npm >/dev/null 2>&1 || {
    say 'npm is missing: install Node.js 18 or newer (https://nodejs.org), then try again'
    exit 69
  }
  if [ -z "${HOME:-}" ] || [ ! -w "$HOME" ]; then export npm_config_cache="$PWD/dist/npm-cache"; fi
  say 'installing the pinned packages (npm ci), once; this can take a minute'
  npm ci --no-audit --no-fund --loglevel=error >dist/install.log 2>&1 || {
    cat dist/install.log >&2
    say 'npm ci failed: see above; is the network up?'
    exit 69
  }
  touch node_modules/.package-lock.json
}
build() {
  is_fresh && return
  cd "$root"
  install
  if [ -e dist/ml ]; then say 'building dist/ml again, since the sources changed'; else say 'building dist/ml, once'; fi
  sh scripts/bun.sh scripts/build.ts >dist/build.log 2>&1 || {
    cat dist/build.log >&2
    say 'the build failed'
    exit 70
  }
}

# The lock goes with the process that holds it. Without flock(1) a folder is the lock, and a dead holder's is taken over.
lock=$root/dist/.build.lock
if command -v flock >/dev/null 2>&1; then
  exec 9>"$lock"
  flock 9
  (build) 9>&-
  exec 9>&-
else
  until mkdir "$lock.d" 2>/dev/null; do
    holder=$(cat "$lock.d/pid" 2>/dev/null || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then rm -rf "$lock.d"; else sleep 1; fi
  done
  echo $$ >"$lock.d/pid"
  trap 'rm -rf "$lock.d"' EXIT
  (build)
  rm -rf "$lock.d"
  trap - EXIT
fi
exec "$root/dist/ml" "$@"
