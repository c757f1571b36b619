#!/bin/sh
# setup_venv.sh [run]: create .venv with the project and its locked dependencies; do nothing if it is
# up to date.  With `run`, only what the agent and the demo need, without the tools of developers.
# Also compile the project, as pip does where it installs it: an agent starts in two thirds of the time.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/python -m compileall -q messages constellation actors
}

state="$(cat pyproject.toml setup.cfg requirements.lock scripts/setup_venv.sh | cksum | tr ' ' '-')"
if [ "${1:-}" = run ]; then
    stamp=".venv/installed-run-$state" packages=.
else
    stamp=".venv/installed-$state" packages='.[dev]'
fi
if [ -e "$stamp" ] || [ -e ".venv/installed-$state" ]; then
    compile
    exit 0
fi

complain() {
    echo "setup: $1" >&2
    exit 1
}

if [ ! -x .venv/bin/python ]; then
    for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            break
        fi
        python=
    done
    [ -n "$python" ] || complain "Python 3.11 or newer not found: install it, or set its path: make PYTHON=/path/to/python3"
    "$python" -c 'import ensurepip, venv' 2>/dev/null ||
        complain "$python cannot create virtual environments: on Debian and Ubuntu, run apt-get install python3-venv"
    rm -rf .venv
    echo "creating .venv with $python"
    "$python" -m venv .venv
fi
pip="env PIP_CONSTRAINT=requirements.lock .venv/bin/python -m pip install --progress-bar off --disable-pip-version-check --no-input"
$pip --editable "$packages" ||
    complain "the packages cannot be installed: fix the cause that pip printed above, then run make again"
rm -f .venv/installed-*  # of other states; tools of developers stay installed
compile
: >"$stamp"
