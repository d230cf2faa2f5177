#!/bin/sh
# `npm test`: installs what is missing, then checks and tests everything and prints `N passed, N failed`.
set -eu
cd "$(dirname "$0")/.."
if [ ! -d node_modules/typescript ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
exec sh scripts/bun.sh scripts/test.ts "$@"
