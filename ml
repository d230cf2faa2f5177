#!/bin/sh
# Runs dist/ml; installs and builds first where there is none, or where the sources are newer. Needs only Node and npm.
# Where it is built, this costs one test and an exec.
here=${0%/*}
[ -L "$0" ] && here=$(dirname "$(readlink -f "$0")")
if [ -x "$here/dist/ml" ] && [ -z "$(find "$here/src" "$here/python" "$here/package-lock.json" -newer "$here/dist/ml" -print -quit 2>/dev/null)" ]; then
  exec "$here/dist/ml" "$@"
fi
exec sh "$here/scripts/first-run.sh" "$here" "$@"
