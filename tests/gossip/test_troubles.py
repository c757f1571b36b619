"""What is wrong between the nodes, in words, and as events."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from constellation.gossip.foreign_keys import ADDRESSES_MAX, LASTS_S, SHOWN_S, ForeignKeys
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.identity import Identity
from constellation.gossip.member import Address
from constellation.gossip.troubles import TroubleReporter, key_troubles, trouble, troubles_of
from messages.wellness import TROUBLES_MAX, Trouble
from tests.identities import private_key_of
from tests.simulation.liar import LARGE, Liar, invented
from tests.simulation.network import SimNetwork
from tests.simulation.test_gossip_cluster import IPS, cluster, whole
from tests.simulation.test_udp_lost import cut_off


def told(node: GossipNode, net: SimNetwork) -> list[Trouble]:
    return troubles_of(node, net.now_s)


def three(seed: int = 1) -> SimNetwork:
    net = SimNetwork(seed=seed, trip_s=0.002)
    cluster(net, IPS[:3])
    assert net.run(30, until=lambda: whole(net))
    return net


def test_nothing_is_wrong_in_a_healthy_cluster() -> None:
    net = three()
    net.run(60)

    assert [told(node, net) for node in net.nodes.values()] == [[], [], []]


@pytest.mark.case("S2")
def test_both_ends_of_a_one_way_path_name_the_pair_and_what_is_lost() -> None:
    net = cut_off(2, "one pair, one way", 3)

    (alpha,), (beta,), gamma = (told(node, net) for node in net.nodes.values())

    assert (alpha.kind, alpha.subject) == ("unheard", "n2")
    assert alpha.what == "UDP does not pass between n1 and n2"
    assert "no packet from 10.0.0.2:7946 arrives" in alpha.why
    assert "packets from n2 to 10.0.0.1:7946 are lost, not those back" in beta.why
    assert "UDP port 7946" in alpha.fix
    assert gamma == []


@pytest.mark.case("S2")
def test_pair_that_hears_each_other_only_through_others_is_named() -> None:
    net = three(3)
    net.cut(IPS[0], IPS[1])
    net.cut(IPS[1], IPS[0])
    net.run(30)

    assert [one.what for one in told(net.nodes[IPS[0]], net)] == [
        "n1 and n2 do not hear each other"
    ]
    assert whole(net)


@pytest.mark.case("O14")
def test_second_node_of_a_name_is_named_with_both_addresses_while_it_tries() -> None:
    net = three()
    net.start("n2", IPS[3], *IPS[:3], key="another")
    net.run(10)

    found = {one for node in list(net.nodes.values())[:3] for one in told(node, net)}
    (conflict,) = found
    assert (conflict.kind, conflict.what) == ("name", "two nodes are called n2")
    assert IPS[1] in conflict.why
    assert IPS[3] in conflict.why
    twin = net.nodes[IPS[3]].swim.name_taken_by
    assert twin is not None
    assert (twin[0], twin[1].ip) == ("n2", IPS[1])

    net.kill(IPS[3])
    net.run(70)
    assert [told(node, net) for node in net.nodes.values()] == [[], [], []]


@pytest.mark.case("O14")
def test_node_that_moved_to_another_address_is_no_conflict_once_its_earlier_life_is_dead() -> None:
    net = three()
    net.kill(IPS[1])
    net.start("n2", IPS[3], IPS[0], IPS[2], identity=copied("n2"))
    net.run(3)
    others = [net.nodes[ip] for ip in (IPS[0], IPS[2])]
    assert any(told(node, net) for node in others)

    net.run(40)

    assert [node.swim.members.get("n2").address.ip for node in others] == [IPS[3]] * 2  # type: ignore[union-attr]
    assert [told(node, net) for node in others] == [[], []]


def copied(name: str) -> Identity:
    """Return the identity of n2 under a name of any kind."""
    return Identity(name, private_key_of("n2"))


@pytest.mark.case("S9")
@pytest.mark.parametrize("name", ["n2", "renamed"])
def test_copy_of_a_data_directory_is_refused_under_any_name_while_the_original_lives(
    name: str,
) -> None:
    net = three()
    net.start(name, IPS[3], *IPS[:3], identity=copied(name))
    net.run(20)

    members = {member.name for member in net.nodes[IPS[0]].swim.members}
    assert members == {"n1", "n2", "n3"}
    assert net.nodes[IPS[3]].name_taken
    whats = {one.what for node in list(net.nodes.values())[:3] for one in told(node, net)}
    assert whats == {
        f"{name} has the identity of n2" if name != "n2" else "two nodes are called n2"
    }
    assert all("with the same identity" in one.why for one in told(net.nodes[IPS[0]], net))


@pytest.mark.case("S9")
def test_node_that_was_renamed_joins_once_its_old_name_is_gone() -> None:
    net = three()
    net.kill(IPS[1])
    net.start("renamed", IPS[1], IPS[0], IPS[2], identity=copied("renamed"))

    def has_joined() -> bool:
        nodes = net.nodes.values()
        return all(
            (member := node.swim.members.get("renamed")) is not None and member.is_living
            for node in nodes
        )

    assert net.run(60, until=has_joined)


@pytest.mark.case("S1")
def test_refused_records_are_told_by_author_until_they_fit() -> None:
    net = three()
    liar = Liar(net, IPS[2])
    for number in range(120):
        liar.tell_records(liar.record(f"nobody{number}", "x"))
        liar.tell_records(liar.record("n3", f"s{number}", LARGE))
        net.run(0.2)

    whats = [one.what for one in told(net.nodes[IPS[0]], net)]
    assert whats == [
        "new records of n3 are refused",
        "records of nodes that are no members are refused",
    ]
    net.run(200)
    assert told(net.nodes[IPS[0]], net) == []


@pytest.mark.case("S10")
def test_members_that_others_tell_of_again_and_again_are_told_in_few_lines() -> None:
    net = three()
    liar, lies = Liar(net, IPS[2]), invented(40)
    for _ in range(4):
        liar.tell_members(lies)
        net.run(40)

    found = told(net.nodes[IPS[0]], net)
    assert len(found) < 12
    assert "others tell of many nodes" in found[-1].what
    net.run(700)
    assert told(net.nodes[IPS[0]], net) == []


@pytest.mark.case("C5")
def test_seeds_of_the_other_address_family_are_told() -> None:
    net = three()
    node = net.nodes[IPS[0]]

    node.set_seeds((Address("fd7a:115c:a1e0::2", 7946), node.address))
    assert [(one.kind, one.what) for one in told(node, net)] == [
        ("address", "no seed can be reached")
    ]
    node.set_seeds((Address("fd7a:115c:a1e0::2", 7946), Address(IPS[1], 7946)))
    assert told(node, net) == []


# Keys.


@pytest.mark.case("O10")
@pytest.mark.parametrize(
    ("sign", "words"),
    [
        (ForeignKeys.not_decrypted, "packets of 10.0.0.2 do not decrypt with the keys of alpha"),
        (ForeignKeys.not_understood, "10.0.0.2 does not understand alpha"),
    ],
)
def test_other_keys_of_an_expected_address_are_told_once_they_last(
    sign: Callable[[ForeignKeys, str, float], None], words: str
) -> None:
    keys = ForeignKeys()

    def whats(now_s: float) -> list[str]:
        lasting = keys.lasting(now_s, expected=["10.0.0.2"])
        return [one.what for one in key_troubles("alpha", lasting)]

    for ip in ("10.0.0.2", "6.6.6.6"):
        sign(keys, ip, 0.0)
    assert whats(1.0) == []
    for ip in ("10.0.0.2", "6.6.6.6"):
        sign(keys, ip, LASTS_S)
    assert whats(LASTS_S) == [words]
    assert whats(LASTS_S + SHOWN_S + 1) == []

    sign(keys, "10.0.0.2", 100.0)
    keys.understood("10.0.0.2")
    sign(keys, "10.0.0.2", 107.0)
    assert whats(107.0) == []


def test_garbage_from_many_addresses_takes_no_memory() -> None:
    keys = ForeignKeys()
    for number in range(10 * ADDRESSES_MAX):
        keys.not_decrypted(f"10.0.{number >> 8}.{number & 255}", 0.0)

    assert len(keys._signs) == ADDRESSES_MAX


# Reports.


def test_report_is_sent_on_change_with_the_events_of_what_began_and_ended() -> None:
    reporter = TroubleReporter("gossip")
    lost = trouble("unheard", "beta", "no UDP", "firewall", "open it")
    worse = lost.model_copy(update={"why": "another reason"})

    report, begun = reporter.update([lost])
    assert report is not None
    assert (report.actor, report.troubles) == ("gossip", (lost,))
    assert [(one.what, one.node, one.reason) for one in begun] == [
        ("path_lost", "beta", "firewall")
    ]
    assert reporter.update([lost]) == (None, [])
    report, events = reporter.update([worse])
    assert report is not None
    assert events == []
    _, ended = reporter.update([])
    assert [(one.what, one.node) for one in ended] == [("path_restored", "beta")]


def test_report_has_a_limit_and_counts_the_rest() -> None:
    reporter = TroubleReporter("gossip")
    many = [trouble("key", f"10.0.0.{n}", "w" * 999, "y" * 999, "f" * 999) for n in range(40)]

    report, events = reporter.update(many)

    assert report is not None
    assert (len(report.troubles), report.unlisted) == (TROUBLES_MAX, 40 - TROUBLES_MAX)
    assert len(events) == TROUBLES_MAX
