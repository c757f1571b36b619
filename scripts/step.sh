#!/bin/sh
# step.sh [-v] NAME COMMAND...: run one step and keep its duration in build/log/times.
# One line reports the result.  The output goes to build/log/NAME.log, and its end is printed if the
# step fails; with -v it is printed as it comes instead.  While a step goes on, a terminal shows
# the seconds and the latest line of the output; elsewhere a line is printed now and then.
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

follow() {
    seconds=0
    while sleep 1; do
        seconds=$((seconds + 1))
        latest=$(tail -n 1 "$log" 2>/dev/null | tr -d '\r' | cut -c 1-50)
        if [ -t 1 ]; then
            printf '\r%-28s   %4s s  %-50s' "$name" "$seconds" "$latest"
        elif [ "$seconds" = 5 ] || [ $((seconds % 15)) = 0 ]; then
            printf '%-28s   %4s s so far: %s\n' "$name" "$seconds" "$latest"
        fi
    done
}

began=$(date +%s)
code=0
if [ -n "$live" ]; then
    "$@" || code=$?
else
    : >"$log"
    follow &
    follower=$!
    trap 'kill "$follower" 2>/dev/null || true' EXIT
    trap 'exit 130' INT TERM
    "$@" >>"$log" 2>&1 || code=$?
    kill "$follower" 2>/dev/null || true
    wait "$follower" 2>/dev/null || true
    [ ! -t 1 ] || printf '\r%-90s\r' ''
fi
took=$(($(date +%s) - began))
printf '%-28s%5s s\n' "$name" "$took" >>build/log/times
if [ -n "$live" ]; then
    exit "$code"
elif [ "$code" = 0 ]; then
    printf '%-28sok %4s s\n' "$name" "$took"
else
    printf '%-28sFAILED, exit code %s; this is the end of %s:\n' "$name" "$code" "$log"
    tail -n 100 "$log"
    exit "$code"
fi
