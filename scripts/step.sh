#!/bin/sh
# step.sh [-v] NAME COMMAND...: run one step and keep its duration in build/log/times.
# One line reports the result.  The output goes to build/log/NAME.log, and is printed if the step
# fails; with -v it is printed as it comes instead.
set -eu
live=
if [ "$1" = -v ]; then
    live=yes
    shift
fi
name=$1
shift
log="build/log/$(printf '%s' "$name" | tr ' /' '--').log"
mkdir -p build/log
began=$(date +%s)
code=0
if [ -n "$live" ]; then
    "$@" || code=$?
else
    printf '%-28s' "$name"
    "$@" >"$log" 2>&1 || code=$?
fi
took=$(($(date +%s) - began))
printf '%-28s%5s s\n' "$name" "$took" >>build/log/times
if [ -n "$live" ]; then
    exit "$code"
elif [ "$code" = 0 ]; then
    printf 'ok %4s s\n' "$took"
else
    printf 'FAILED, exit code %s; this is %s:\n' "$code" "$log"
    cat "$log"
    exit "$code"
fi
