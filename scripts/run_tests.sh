#!/bin/sh
# run_tests.sh [PYTEST_ARGS]: all tests, in two halves at once.
# Those of whole agents mostly wait, for time to pass in the real world; the others compute.
# With arguments, e.g. -k word, one after the other.
set -eu
if [ $# -gt 0 ]; then
    exec .venv/bin/python -m pytest "$@"
fi
mkdir -p build/log
log=build/log/tests_agent.log
.venv/bin/python -m pytest tests/agent >"$log" 2>&1 &
agents=$!
trap 'kill "$agents" 2>/dev/null || true' INT TERM
failed=0
.venv/bin/python -m pytest --ignore=tests/agent || failed=$?
echo "run_tests: now what tests/agent said meanwhile, or is saying still; also in $log"
wait "$agents" || failed=$?
cat "$log"
exit "$failed"
