"""Parsing of tailscaled's responses, conditions and seeds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import WireError
from constellation.tailscale.condition import (
    STATES,
    TailscaleCondition,
    absent,
    condition_of,
    is_of_tailnet,
)
from constellation.tailscale.seeds import SEEDS_MAX, SeedPolicy, seed_hosts, seed_troubles
from constellation.tailscale.tailnet import PEERS_MAX, Tailnet, read_tailnet
from tests.tailscale.fake_tailscaled import machine

TAG = "tag:constellation"
BIND_4 = "100.64.0.1"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def answer(*peers: dict[str, Any], state: str = "Running", **own: Any) -> dict[str, Any]:
    this = machine(1, tags=(TAG,)) | own
    return {
        "BackendState": state,
        "TailscaleIPs": this["TailscaleIPs"],
        "Self": this,
        "Peer": {f"nodekey:{number}": peer for number, peer in enumerate(peers)} or None,
    }


def read(*peers: dict[str, Any], state: str = "Running", **own: Any) -> Tailnet:
    return read_tailnet(answer(*peers, state=state, **own))


@pytest.mark.parametrize(
    "raw",
    [
        None,
        [],
        {},
        {"BackendState": 7},
        {"BackendState": "Running"},
        {"BackendState": "Running", "Self": [], "Peer": {}},
        {"BackendState": "Running", "Self": {}, "Peer": [1]},
    ],
)
def test_response_that_is_not_of_tailscaled_is_refused(raw: Any) -> None:
    with pytest.raises(WireError):
        read_tailnet(raw)


def test_too_many_peers_are_refused() -> None:
    peers: dict[str, Any] = {str(number): {} for number in range(PEERS_MAX + 1)}

    with pytest.raises(WireError, match="10001 peers"):
        read_tailnet({"BackendState": "Running", "Self": {}, "Peer": peers})


@given(
    st.dictionaries(st.sampled_from(list(machine(1, tags=(TAG,)))), JSON),
    st.dictionaries(st.text(), st.dictionaries(st.sampled_from(list(machine(1))), JSON) | JSON),
)
def test_fields_of_any_type_are_read_or_ignored(own: dict[str, Any], peers: Any) -> None:
    found = read_tailnet(
        {"BackendState": "Running", "TailscaleIPs": own.get("ID"), "Self": own, "Peer": peers}
    )

    assert condition_of(found, "100.64.0.1").state in {"connected", "address_changed"}
    assert all(is_of_tailnet(host) or host for host in seed_hosts(found, SeedPolicy(), "::1"))


def test_machine_has_the_name_that_the_tailnet_assigned() -> None:
    found = read(machine(2, name="node-2") | {"HostName": "constellation-evil"})

    assert found.peers[0].host_name == "node-2"
    assert seed_hosts(found, SeedPolicy("", "constellation"), "100.64.0.1") == ()


def test_expiry_is_read_to_the_second() -> None:
    assert read(KeyExpiry="2026-01-02T03:04:05Z").this.key_expires_utc_s == 1767323045.0
    assert read(KeyExpiry="soon").this.key_expires_utc_s is None
    assert read(KeyExpiry="0001-01-01T00:00:00Z").this.key_expires_utc_s is None  # Go's no time


def test_seeds_have_the_address_family_of_bind_address_and_exclude_this_node() -> None:
    peers = [machine(number, tags=(TAG,)) for number in (10, 9, 1)]
    only_4 = machine(4, tags=(TAG,)) | {"TailscaleIPs": ["100.64.0.4"]}

    found = read(*peers, only_4)

    assert seed_hosts(found, SeedPolicy(), "100.64.0.1") == (
        *("100.64.0.4", "100.64.0.9", "100.64.0.10"),
    )
    assert seed_hosts(found, SeedPolicy(), "fd7a:115c:a1e0::1") == (
        *("fd7a:115c:a1e0::9", "fd7a:115c:a1e0::a"),
    )


@pytest.mark.case("C4")
def test_offline_machines_are_seeds_when_none_is_online_and_that_is_said() -> None:
    offline = [machine(number, tags=(TAG,)) | {"Online": False} for number in (2, 3, 4)]
    expired = machine(5, tags=(TAG,)) | {"Online": False, "Expired": True}
    found = read(*offline, expired, machine(6))

    assert seed_hosts(found, SeedPolicy(), BIND_4) == ("100.64.0.2", "100.64.0.3", "100.64.0.4")
    notes = seed_troubles(found, SeedPolicy(), BIND_4)
    assert [(one.what, one.is_note) for one in notes] == [
        ("3 tagged machines of the tailnet, none online", True),
        ("1 tagged machine of the tailnet with an expired key", True),
    ]
    assert "host2, host3, host4" in notes[0].why

    online = read(*offline, machine(9, tags=(TAG,)))
    assert seed_hosts(online, SeedPolicy(), BIND_4) == ("100.64.0.9",)
    assert seed_troubles(online, SeedPolicy(), BIND_4) == ()


@pytest.mark.case("C5")
@pytest.mark.parametrize(
    ("bind_address", "theirs", "words"),
    [
        (
            "fd7a:115c:a1e0::1",
            "100.64.0.2",
            ("is IPv6", "IPv4 address, 100.64.0.1", "theirs to IPv6"),
        ),
        (
            "100.64.0.1",
            "fd7a:115c:a1e0::2",
            ("IPv4", "fd7a:115c:a1e0::1, or", "to IPv4"),
        ),
    ],
)
def test_machines_of_the_other_address_family_are_named_with_the_remedy(
    bind_address: str, theirs: str, words: tuple[str, ...]
) -> None:
    other = machine(2, tags=(TAG,)) | {"TailscaleIPs": [theirs]}
    found = read(other, machine(3, tags=(TAG,)), machine(4) | {"TailscaleIPs": [theirs]})

    (trouble,) = seed_troubles(found, SeedPolicy(), bind_address)

    assert trouble.what == "1 tagged machine of the tailnet cannot be reached"
    assert not trouble.is_note
    assert "host2 have" in trouble.why
    assert [word for word in words if word not in trouble.why + trouble.fix] == []


def test_seeds_are_limited() -> None:
    peers = [
        machine(1, tags=(TAG,)) | {"TailscaleIPs": [f"100.64.{number >> 8}.{number & 255}"]}
        for number in range(SEEDS_MAX + 50)
    ]

    assert len(seed_hosts(read(*peers), SeedPolicy(), "100.64.0.1")) == SEEDS_MAX


@pytest.mark.parametrize(
    ("backend_state", "state"),
    [
        ("NoState", "starting"),
        ("Starting", "starting"),
        ("NeedsLogin", "logged_out"),
        ("NeedsMachineAuth", "unapproved"),
        ("Stopped", "stopped"),
        ("InUseOtherUser", "logged_out"),
        ("SomethingNew", "starting"),
        ("", "starting"),
        ("Running", "connected"),
    ],
)
def test_each_backend_state_has_a_condition_with_a_reason(backend_state: str, state: str) -> None:
    condition = condition_of(read(state=backend_state), "100.64.0.1")

    assert condition.state == state
    assert condition.state in STATES
    assert (state == "connected") == (condition.why == condition.fix == "")


@pytest.mark.parametrize(
    ("bind_address", "was_own", "state"),
    [
        ("100.64.0.1", False, "connected"),
        ("fd7a:115c:a1e0::1", False, "connected"),
        ("100.64.0.9", False, "address_changed"),
        ("fd7a:115c:a1e0::9", False, "address_changed"),
        ("10.9.9.9", False, "other_network"),
        ("10.9.9.9", True, "address_changed"),  # Headscale gives any addresses that it is told to
    ],
)
def test_foreign_bind_address_has_changed_or_is_of_another_network(
    bind_address: str, was_own: bool, state: str
) -> None:
    assert condition_of(read(), bind_address, was_own=was_own).state == state


def test_absent_has_a_reason() -> None:
    assert absent("no socket", "start it") == TailscaleCondition("absent", "no socket", "start it")
