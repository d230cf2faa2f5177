#!/bin/sh
# Runs dist/ml; installs and builds first where there is none, or where a source is newer. Needs only Node and npm.
# Where it is built this costs a shell and one look at each source (dist/fresh.sh, made by the build), and an exec.
case $0 in */*) here=${0%/*} ;; *) here=. ;; esac
[ -L "$0" ] && here=$(dirname "$(readlink -f "$0")")
stale=yes
[ -x "$here/dist/ml" ] && [ -r "$here/dist/fresh.sh" ] && . "$here/dist/fresh.sh"
[ -z "$stale" ] && exec "$here/dist/ml" "$@"
exec sh "$here/scripts/first-run.sh" "$here" "$@"
