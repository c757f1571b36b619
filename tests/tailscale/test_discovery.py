"""The messages that other actors receive, and when."""

from __future__ import annotations

import pytest

from constellation.effects import Note, Send
from constellation.tailscale.discovery import KEY_EXPIRES_SOON_S, Discovery, Effect
from constellation.tailscale.seeds import SeedPolicy
from constellation.tailscale.tailnet import Tailnet, read_tailnet
from messages.admin import PartReported
from messages.tailscale import SeedsFound
from messages.wellness import TroublesReported
from tests.tailscale.fake_tailscaled import machine
from tests.tailscale.test_tailnet import TAG, answer

BIND = "100.64.0.1"
NOW_UTC_S = 1_767_323_045.0


def new(bind_address: str = BIND) -> Discovery:
    return Discovery(bind_address, SeedPolicy())


def said(*peers: int, state: str = "Running", **own: object) -> Tailnet:
    return read_tailnet(
        answer(*(machine(number, tags=(TAG,)) for number in peers), state=state, **own)
    )


def parts(effects: list[Effect]) -> list[PartReported]:
    return [
        effect.message
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, PartReported)
    ]


def reports(effects: list[Effect]) -> list[TroublesReported]:
    sent = [effect.message for effect in effects if isinstance(effect, Send)]
    return [message for message in sent if isinstance(message, TroublesReported)]


def seeds(effects: list[Effect]) -> list[tuple[str, tuple[str, ...]]]:
    return [
        (effect.to, effect.message.hosts)
        for effect in effects
        if isinstance(effect, Send) and isinstance(effect.message, SeedsFound)
    ]


def events(effects: list[Effect]) -> list[tuple[str, str]]:
    return [(effect.event, effect.level) for effect in effects if isinstance(effect, Note)]


def test_first_answer_notifies_all_and_a_repeated_one_nobody() -> None:
    discovery = new()

    effects = discovery.answered(said(2, 3), NOW_UTC_S)

    assert [(part.part, part.state) for part in parts(effects)] == [("tailscale", "present")]
    assert seeds(effects) == [
        ("gossip", ("100.64.0.2", "100.64.0.3")),
        ("http", ("100.64.0.2", "100.64.0.3")),
    ]
    assert events(effects) == [("tailscale_connected", "info"), ("tailscale_seeds", "info")]
    assert discovery.answered(said(2, 3), NOW_UTC_S) == []


def test_change_of_the_peers_is_reported_once() -> None:
    discovery = new()
    discovery.answered(said(2), NOW_UTC_S)

    assert dict(seeds(discovery.answered(said(2, 9), NOW_UTC_S)))["gossip"] == (
        *("100.64.0.2", "100.64.0.9"),
    )
    assert dict(seeds(discovery.answered(said(), NOW_UTC_S)))["gossip"] == ()


def test_problem_is_reported_with_the_fix_and_keeps_the_seeds() -> None:
    discovery = new()
    discovery.answered(said(2), NOW_UTC_S)

    effects = discovery.answered(said(state="Stopped"), NOW_UTC_S)

    (part,) = parts(effects)
    assert (part.state, part.fix) == ("lost", "run `tailscale up`")
    assert seeds(effects) == []
    assert events(effects) == [("tailscale_not_connected", "warning")]

    back = discovery.answered(said(2), NOW_UTC_S)
    assert [part.state for part in parts(back)] == ["present"]
    assert seeds(back) == []


def test_expired_key_is_reported_from_the_first_answer() -> None:
    (part,) = parts(new().answered(said(state="NeedsLogin", Expired=True), NOW_UTC_S))

    assert part.state == "lost"
    assert "expired" in part.why


def test_tailscaled_that_dies_is_lost_but_one_that_never_answered_is_only_absent() -> None:
    never = new()
    effects = never.unanswered("no socket", "start it")
    assert [(part.state, part.why, part.fix) for part in parts(effects)] == [
        ("absent", "no socket", "start it")
    ]
    assert seeds(effects) == [("gossip", ()), ("http", ())]  # so that nobody waits for others
    assert events(effects)[0] == ("tailscale_not_connected", "info")
    assert never.unanswered("no socket", "start it") == []

    died = new()
    died.answered(said(2), NOW_UTC_S)
    effects = died.unanswered("refused", "start it")
    assert [part.state for part in parts(effects)] == ["lost"]
    assert seeds(effects) == []
    assert died.seeds == ("100.64.0.2",)


def test_agent_on_another_network_gets_no_seeds_and_no_warning() -> None:
    effects = new("192.168.1.5").answered(said(2), NOW_UTC_S)

    assert [part.state for part in parts(effects)] == ["absent"]
    assert seeds(effects) == [("gossip", ()), ("http", ())]


def test_changed_address_is_reported_with_the_new_one() -> None:
    discovery = new()
    discovery.answered(said(2), NOW_UTC_S)
    moved = answer(machine(2, tags=(TAG,)))
    moved["TailscaleIPs"] = ["100.64.0.77"]

    (part,) = parts(discovery.answered(read_tailnet(moved), NOW_UTC_S))

    assert part.state == "lost"
    assert "100.64.0.77" in part.why
    assert "restart" in part.fix


def test_new_reason_of_the_same_state_is_reported_and_not_logged() -> None:
    discovery = new()
    discovery.unanswered("refused", "start it")

    effects = discovery.unanswered("it does not answer in time", "start it")

    assert [part.why for part in parts(effects)] == ["it does not answer in time"]
    assert events(effects) == []


def test_reason_of_any_length_fits_the_message() -> None:
    (part,) = parts(new().unanswered("x" * 5000, "y" * 5000))

    assert (len(part.why), len(part.fix)) == (512, 512)


def test_starting_actor_receives_what_is_known_and_nothing_before() -> None:
    discovery = new()
    assert [discovery.actor_up(name) for name in ("admin", "gossip", "http")] == [[], [], []]
    discovery.answered(said(2), NOW_UTC_S)

    assert [part.state for part in parts(discovery.actor_up("admin"))] == ["present"]
    assert seeds(discovery.actor_up("gossip")) == [("gossip", ("100.64.0.2",))]
    assert seeds(discovery.actor_up("http")) == [("http", ("100.64.0.2",))]
    assert discovery.actor_up("services") == []


def test_key_that_expires_soon_causes_one_warning_per_expiry() -> None:
    discovery = new()
    tailnet = said(KeyExpiry="2026-01-02T03:04:05Z")
    expires_utc_s = tailnet.this.key_expires_utc_s
    assert expires_utc_s is not None

    def warned(at_utc_s: float, heard: Tailnet = tailnet) -> bool:
        effects = discovery.answered(heard, at_utc_s)
        return ("tailscale_key_expires_soon", "warning") in events(effects)

    assert not warned(expires_utc_s - KEY_EXPIRES_SOON_S - 60)
    assert warned(expires_utc_s - KEY_EXPIRES_SOON_S + 60)
    assert not warned(expires_utc_s - 60)
    renewed = said(KeyExpiry="2026-01-02T04:04:05Z")
    assert warned(expires_utc_s, renewed)
    assert discovery.key_expires_utc_s == expires_utc_s + 3600


@pytest.mark.case("C4")
def test_what_keeps_machines_from_being_seeds_is_reported_on_change_and_to_a_new_admin() -> None:
    discovery = new()
    offline = read_tailnet(answer(machine(2, tags=(TAG,)) | {"Online": False}))

    effects = discovery.answered(offline, NOW_UTC_S)
    (report,) = reports(effects)
    assert [one.what for one in report.troubles] == ["1 tagged machine of the tailnet, none online"]
    assert ("tailscale_seeds_missing", "warning") in events(effects)
    assert reports(discovery.answered(offline, NOW_UTC_S)) == []
    assert reports(discovery.actor_up("admin")) == [report]
    (report,) = reports(discovery.answered(said(2), NOW_UTC_S))
    assert report.troubles == ()
