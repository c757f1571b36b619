"""Each state of tailscaled as the agent reads it; the same for the real one and for its double."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from actors.adapters.tailscale import ask_tailscale
from constellation.errors import AdapterError
from constellation.settings.tailscale import TailscaleSettings
from constellation.tailscale.condition import TailscaleCondition, condition_of
from constellation.tailscale.seeds import SeedPolicy, seed_hosts, seed_troubles
from constellation.tailscale.tailnet import Tailnet
from rigs.availability import ComponentUnavailableError
from rigs.needs import give_up
from rigs.processes import wait_until
from rigs.tailnet import Machine, tailnet
from rigs.tailnet import Tailnet as RealTailnet
from tests.tailscale.fake_tailscaled import FakeTailscaled, fake_tailscaled, machine

TAG = "tag:constellation"


class Lab(Protocol):
    """This machine's tailscaled, and one peer."""

    socket: Path

    def join(self, *tags: str) -> str: ...
    def down(self) -> None: ...
    def up(self) -> None: ...
    def logout(self) -> None: ...
    def expire(self) -> None: ...
    def stop(self) -> None: ...
    def peer_joins(self, *tags: str) -> str: ...
    def peer_expires(self) -> None: ...
    def peer_stops(self) -> None: ...


class FakeLab:
    def __init__(self, tailscaled: FakeTailscaled) -> None:
        self.tailscaled = tailscaled
        self.socket = tailscaled.socket
        self.peer = machine(77)

    def join(self, *tags: str) -> str:
        self.tailscaled.up(tags=tags)
        return str(self.tailscaled.status["TailscaleIPs"][0])

    def down(self) -> None:
        self.tailscaled.down()

    def up(self) -> None:
        self.tailscaled.up()

    def logout(self) -> None:
        self.tailscaled.logout()

    def expire(self) -> None:
        self.tailscaled.expire()

    def stop(self) -> None:
        self.socket.unlink()

    def peer_joins(self, *tags: str) -> str:
        self.peer = machine(77, tags=tags)
        self.tailscaled.set_peers(self.peer)
        return "100.64.0.77"

    def peer_expires(self) -> None:
        self.peer |= {"Expired": True, "KeyExpiry": "2026-01-02T03:04:05Z"}

    def peer_stops(self) -> None:
        self.peer["Online"] = False


class RealLab:
    def __init__(self, net: RealTailnet) -> None:
        self.net = net
        self.machine, self.other = net.machines
        self.socket = self.machine.socket

    def join(self, *tags: str) -> str:
        return self._join(self.machine, *tags)

    def down(self) -> None:
        self.machine.down()

    def up(self) -> None:
        self.machine.up()

    def logout(self) -> None:
        self.machine.logout()

    def expire(self) -> None:
        self.net.expire(self.machine)

    def stop(self) -> None:
        self.machine.stop()

    def peer_joins(self, *tags: str) -> str:
        return self._join(self.other, *tags)

    def peer_expires(self) -> None:
        self.net.expire(self.other)

    def peer_stops(self) -> None:
        self.other.stop()

    def _join(self, joining: Machine, *tags: str) -> str:
        joining.up(self.net.new_key(tags=tags), "--force-reauth")
        return joining.address


@pytest.fixture(
    params=[
        "double",
        pytest.param(
            "real",
            marks=[pytest.mark.integration, pytest.mark.slow, pytest.mark.needs("tailnet")],
        ),
    ]
)
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    if request.param == "double":
        with fake_tailscaled(tmp_path) as tailscaled:
            yield FakeLab(tailscaled)
        return
    try:
        with tailnet(tmp_path, 2) as net:
            yield RealLab(net)
    except ComponentUnavailableError as error:
        give_up("tailnet", str(error))


def ask(lab: Lab) -> Tailnet:
    return ask_tailscale(TailscaleSettings(socket=str(lab.socket)))


def wait_for_state(
    lab: Lab, state: str, bind_address: str, *, was_own: bool = False
) -> TailscaleCondition:
    def condition() -> TailscaleCondition:
        return condition_of(ask(lab), bind_address, was_own=was_own)

    wait_until(lambda: condition().state == state, timeout_s=20, what=lambda: f"{condition()}")
    return condition()


def test_fresh_machine_is_logged_out(lab: Lab) -> None:
    found = ask(lab)

    assert found.this.addresses == ()
    assert condition_of(found, "100.64.0.1").state == "logged_out"


def test_machine_that_joins_is_connected_at_its_addresses(lab: Lab) -> None:
    address = lab.join(TAG)

    found = ask(lab)

    assert condition_of(found, address) == TailscaleCondition("connected")
    assert found.this.addresses[0] == address
    assert found.this.addresses[1].startswith("fd7a:115c:a1e0::")
    assert found.this.tags == {TAG}
    assert (found.this.key_expired, found.this.key_expires_utc_s) == (False, None)


def test_stopped_machine_keeps_its_address(lab: Lab) -> None:
    address = lab.join()
    lab.down()

    assert wait_for_state(lab, "stopped", address).fix == "run `tailscale up`"
    assert ask(lab).this.addresses[0] == address

    lab.up()
    wait_for_state(lab, "connected", address)


def test_machine_with_an_expired_key_is_not_reported_as_logged_out(lab: Lab) -> None:
    address = lab.join(TAG)
    lab.expire()

    condition = wait_for_state(lab, "key_expired", address)

    assert "--force-reauth" in condition.fix
    assert ask(lab).this.addresses[0] == address


def test_machine_that_logs_out_and_in_gets_another_address(lab: Lab) -> None:
    before = lab.join(TAG)
    lab.logout()
    wait_for_state(lab, "logged_out", before)
    now = lab.join(TAG)  # as its user, without a tag, it would be the machine that it was

    condition = wait_for_state(lab, "address_changed", before, was_own=True)

    assert now != before
    assert now in condition.why
    assert condition_of(ask(lab), now).state == "connected"


def test_ended_tailscaled_is_an_error_that_names_its_socket(lab: Lab) -> None:
    lab.stop()

    with pytest.raises(AdapterError, match=str(lab.socket)) as refused:
        ask(lab)

    assert "tailscale.enabled=false" in refused.value.fix


def test_peer_is_a_seed_by_tag_or_name(lab: Lab) -> None:
    own = lab.join(TAG)
    peer = lab.peer_joins(TAG)
    wait_until(lambda: any(one.online for one in ask(lab).peers), timeout_s=20, what="the peer")
    found = ask(lab)

    for policy, is_seed in (
        (SeedPolicy(), True),
        (SeedPolicy(tag="tag:other"), False),
        (SeedPolicy(tag="", hostname_prefix="HOST"), True),
        (SeedPolicy(tag="", hostname_prefix="node"), False),
        (SeedPolicy(tag="", hostname_prefix=""), False),
    ):
        assert seed_hosts(found, policy, own) == ((peer,) if is_seed else ()), policy


@pytest.mark.case("C4")
@pytest.mark.parametrize(
    ("happens", "is_tried", "words"),
    [
        ("peer_stops", True, "1 tagged machine of the tailnet, none online"),
        ("peer_expires", False, "1 tagged machine of the tailnet with an expired key"),
    ],
)
def test_peer_that_is_unlikely_to_answer_is_told_and_tried_only_if_it_may(
    lab: Lab, happens: str, is_tried: bool, words: str
) -> None:
    own = lab.join(TAG)
    peer = lab.peer_joins(TAG)

    def seeds() -> tuple[str, ...]:
        return seed_hosts(ask(lab), SeedPolicy(), own)

    def told() -> list[str]:
        return [one.what for one in seed_troubles(ask(lab), SeedPolicy(), own)]

    wait_until(lambda: seeds() == (peer,), timeout_s=20, what="the peer")
    wait_until(lambda: told() == [], timeout_s=20, what=lambda: f"it is online: {told()}")

    getattr(lab, happens)()

    wait_until(lambda: told() == [words], timeout_s=60, what=lambda: f"{words}: {told()}")
    assert seeds() == ((peer,) if is_tried else ())
