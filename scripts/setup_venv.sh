#!/bin/sh
# Create .venv with the project and its locked dependencies; do nothing if it is up to date.
set -eu
cd "$(dirname "$0")/.."

stamp=".venv/installed-$(cat pyproject.toml setup.cfg requirements.lock scripts/setup_venv.sh | cksum | tr ' ' '-')"
if [ -e "$stamp" ]; then
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
    "$python" -m venv .venv
fi
pip="env PIP_CONSTRAINT=requirements.lock .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input"
$pip --editable '.[dev]' ||
    complain "the packages cannot be installed: fix the cause that pip printed above, then run make again"
rm -f .venv/installed-*
: >"$stamp"
