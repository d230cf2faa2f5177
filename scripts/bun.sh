#!/bin/sh
# Runs the pinned Bun, also where npm did not run its install script: then the platform package's own binary is used.
root=$(cd "$(dirname "$0")/.." && pwd)
for candidate in "$root/node_modules/bun/bin/bun.exe" "$root"/node_modules/@oven/bun-*/bin/bun; do
  if [ -x "$candidate" ] && "$candidate" --version >/dev/null 2>&1; then
    exec "$candidate" "$@"
  fi
done
echo 'ml: no runnable bun under node_modules: run `npm ci`' >&2
exit 69
