#!/bin/sh
# step.sh NAME COMMAND...: run one step quietly.  One line says how it went and how long it took;
# what the command said is kept in build/log/NAME.log, and shown when it fails.
set -eu
name=$1
shift
log="build/log/$(printf '%s' "$name" | tr ' /' '--').log"
mkdir -p build/log
began=$(date +%s)
printf '%-28s' "$name"
if "$@" >"$log" 2>&1; then
    printf 'ok %4s s\n' "$(($(date +%s) - began))"
else
    code=$?
    printf 'FAILED, exit code %s; this is %s:\n' "$code" "$log"
    cat "$log"
    exit "$code"
fi
