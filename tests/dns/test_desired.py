"""Which records are wanted, from the cluster, the leader and the settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.cluster_view import ClusterView
from constellation.dns.departed import ALONE_GRACE_S_MIN, Departed, is_settled
from constellation.dns.desired import DesiredRecords, desired_records
from constellation.dns.intents import Desired, Intent, Keep, Point
from constellation.dns.pointing import Pointing, front
from constellation.settings.dns import DnsSettings
from messages.gossip import (
    ClusterChanged,
    ClusterMember,
    IngressState,
    MemberState,
    NamedNodeState,
    NodeState,
)

V4, V6, OTHER_V4 = "203.0.113.1", "2001:db8::1", "203.0.113.2"
APEX, WILDCARD = "home.example", "*.home.example"


def node(
    name: str,
    *addresses: str,
    living: MemberState = "alive",
    ingress: IngressState = "works",
    cordoned: bool = False,
) -> tuple[ClusterMember, NamedNodeState]:
    member = ClusterMember(node=name, state=living, address="10.0.0.1", port=7946, incarnation=1)
    said = NodeState(
        address="10.0.0.1",
        gossip_port=7946,
        actor_port=7947,
        ingress=ingress,
        cordoned=cordoned,
        public_addresses=addresses,
    )
    return member, NamedNodeState(node=name, state=said)


def view(*nodes: tuple[ClusterMember, NamedNodeState]) -> ClusterView:
    return ClusterView().apply(
        ClusterChanged(
            version=1,
            snapshot=True,
            self_node="alpha",
            members=tuple(member for member, _ in nodes),
            nodes=tuple(said for _, said in nodes),
        )
    )


def settings(**more: Any) -> DnsSettings:
    return DnsSettings.model_validate({"zones": [{"name": APEX}]} | more)


def desired(seen: ClusterView, leader: str = "alpha", **more: Any) -> DesiredRecords:
    return desired_records(seen, leader, settings(**more), APEX)


def intents(seen: ClusterView, leader: str = "alpha", **more: Any) -> dict[str, Intent]:
    found = desired(seen, leader, **more)
    assert not found.problems
    return dict(found.zones[APEX].intents)


def contents(intent: Intent) -> set[tuple[str, str]]:
    assert isinstance(intent, Point), intent
    return {one.key for one in intent.records}


def test_the_domain_points_to_the_leader_and_each_node_s_name_to_the_node() -> None:
    found = intents(view(node("alpha", V4, V6), node("beta", OTHER_V4, cordoned=True)))
    assert {name: contents(intent) for name, intent in found.items()} == {
        APEX: {("A", V4), ("AAAA", V6)},
        WILDCARD: {("A", V4), ("AAAA", V6)},
        "*.alpha.home.example": {("A", V4), ("AAAA", V6)},
        "*.beta.home.example": {("A", OTHER_V4)},
    }


@pytest.mark.parametrize(
    ("seen", "leader", "reason"),
    [
        (ClusterView(), "alpha", "address_unknown"),
        (view(node("alpha", V4)), "", "nobody"),
        (view(node("alpha", V4)), "beta", "address_unknown"),
        (view(node("alpha")), "alpha", "address_unknown"),
        (view(node("alpha", V4, living="dead")), "alpha", "nobody"),
        (view(node("alpha", V4, cordoned=True)), "alpha", "nobody"),
        (view(node("alpha", V4, ingress="fails")), "alpha", "nobody"),
    ],
)
def test_the_domain_stays_as_it_is_and_the_reason_is_told(
    seen: ClusterView, leader: str, reason: str
) -> None:
    kept = intents(seen, leader)[APEX]
    assert isinstance(kept, Keep)
    assert kept.reason == reason
    assert kept.why


def test_a_leader_whose_ingress_was_not_asked_yet_is_pointed_to() -> None:
    assert contents(intents(view(node("alpha", V4, ingress="unknown")))[APEX]) == {("A", V4)}


def test_in_mode_all_the_domain_points_to_every_living_node_whose_ingress_works() -> None:
    seen = view(
        node("alpha", V4, V6),
        node("beta", OTHER_V4, living="suspect"),
        node("gamma", "203.0.113.3", cordoned=True),
        node("delta", "203.0.113.4", ingress="fails"),
        node("epsilon", "203.0.113.5", living="dead"),
    )
    apex = intents(seen, "", mode="all")[APEX]
    assert contents(apex) == {("A", V4), ("AAAA", V6), ("A", OTHER_V4)}
    assert isinstance(apex, Point)
    assert apex.is_complete


def test_in_mode_all_no_record_is_removed_while_a_working_node_s_address_is_unknown() -> None:
    apex = intents(view(node("alpha", V4), node("beta")), mode="all")[APEX]
    assert isinstance(apex, Point)
    assert contents(apex) == {("A", V4)}
    assert not apex.is_complete
    assert "beta" in apex.why


def test_in_mode_all_no_record_is_removed_before_every_living_node_has_said_how_it_is() -> None:
    seen = view(node("alpha", V4), node("beta", OTHER_V4))
    for nodes, is_complete in ((seen.nodes, True), ({"alpha": seen.nodes["alpha"]}, False)):
        where = front(replace(seen, nodes=nodes), "", "all", [])
        assert isinstance(where, Pointing)
        assert where.is_complete == is_complete


def test_in_mode_all_a_host_name_is_left_out_beside_addresses_and_told() -> None:
    seen = view(node("alpha", V4), node("beta", "tunnel.example.net"))
    found = desired(seen, mode="all")
    assert contents(found.zones[APEX].intents[APEX]) == {("A", V4)}
    assert contents(found.zones[APEX].intents["*.beta.home.example"]) == {
        ("CNAME", "tunnel.example.net")
    }
    [problem] = found.problems
    assert "beta" in problem
    shared = view(node("alpha", "tunnel.example.net"), node("beta", "tunnel.example.net"))
    assert contents(intents(shared, mode="all")[APEX]) == {("CNAME", "tunnel.example.net")}


@pytest.mark.parametrize(
    ("address", "provider"), [("tunnel.example.net", "rfc2136"), (APEX, "cloudflare")]
)
def test_a_name_that_cannot_be_a_cname_is_kept_and_told(address: str, provider: str) -> None:
    found = desired(view(node("alpha", address)), provider=provider)
    assert isinstance(found.zones[APEX].intents[APEX], Keep)
    assert contents(found.zones[APEX].intents[WILDCARD]) == {("CNAME", address)}
    assert len(found.problems) == 1


def test_further_records_go_to_their_zone_and_follow_the_leader_if_they_say_so() -> None:
    records = [
        {"name": "www.home.example", "type": "A", "content": "leader", "proxied": True},
        {"name": "www.home.example", "type": "AAAA", "content": "leader"},
        {"name": APEX, "type": "TXT", "content": '"v=spf1 -all"'},
        {"name": "a.lab.home.example", "type": "CNAME", "content": "Other.Example.", "ttl_s": 300},
    ]
    zones = [{"name": APEX}, {"name": "lab.home.example"}]
    found = desired(view(node("alpha", V4)), records=records, zones=zones, proxied=False)
    home, lab = found.zones[APEX].intents, found.zones["lab.home.example"].intents
    www = home["www.home.example"]
    assert isinstance(www, Point)
    assert [(one.key, one.proxied, one.is_ttl_set) for one in www.records] == [
        (("A", V4), True, False)
    ]
    assert contents(home[APEX]) == {("A", V4), ("TXT", "v=spf1 -all")}
    assert list(lab) == ["a.lab.home.example"]
    [cname] = lab["a.lab.home.example"].records  # type: ignore[union-attr]
    assert (cname.key, cname.ttl_s, cname.is_ttl_set) == (("CNAME", "other.example"), 300, True)
    assert not found.problems


def test_a_further_record_at_a_name_that_is_kept_is_added_and_nothing_removed() -> None:
    text = {"name": APEX, "type": "TXT", "content": "hello"}
    apex = intents(view(node("alpha")), records=[text])[APEX]
    assert isinstance(apex, Point)
    assert contents(apex) == {("TXT", "hello")}
    assert not apex.is_complete


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"domains": [APEX, "else.example"]}, "else.example is in none of dns.zones"),
        (
            {"records": [{"name": "x.else.example", "type": "A", "content": V4}]},
            "x.else.example is in none of dns.zones",
        ),
        ({"records": [{"name": "x.home.example", "type": "A", "content": V6}]}, "x.home.example"),
        (
            {"records": [{"name": APEX, "type": "CNAME", "content": "other.example"}]},
            "cannot have CNAME other.example beside A",
        ),
    ],
)
def test_what_cannot_be_is_told_once_and_the_rest_is_wanted(
    more: dict[str, Any], said: str
) -> None:
    found = desired(view(node("alpha", V4), node("beta", V4)), **more)
    [problem] = found.problems
    assert said in problem
    assert contents(found.zones[APEX].intents[APEX]) == {("A", V4)}


def test_names_that_a_node_cannot_have_are_told_and_the_rest_is_wanted() -> None:
    found = desired(view(node("alpha", V4), node("no name!", V4), node("beta", "not an address")))
    assert len(found.problems) == 2
    assert isinstance(found.zones[APEX].intents["*.beta.home.example"], Keep)
    assert contents(found.zones[APEX].intents[APEX]) == {("A", V4)}


def test_the_names_to_list_are_the_wildcards_and_the_shortest_of_the_others() -> None:
    www = {"name": "www.home.example", "type": "A", "content": "leader"}
    found = desired(view(node("alpha", V4)), records=[www])
    assert found.zones[APEX].listed_names == (APEX, "*.alpha.home.example", WILDCARD)


NODES = st.lists(
    st.builds(
        node,
        st.sampled_from(["alpha", "beta", "gamma"]),
        st.sampled_from([V4, V6, "tunnel.example.net"]),
        living=st.sampled_from(["alive", "suspect", "dead", "left"]),
        ingress=st.sampled_from(["works", "fails", "unknown"]),
        cordoned=st.booleans(),
    ),
    unique_by=lambda one: one[0].node,
)


@given(NODES, st.permutations(range(3)), st.sampled_from(["all", "leader"]))
def test_only_who_may_be_is_pointed_to_in_whatever_order_nodes_are_known(
    nodes: list[tuple[ClusterMember, NamedNodeState]], order: list[int], mode: str
) -> None:
    where = front(view(*nodes), "alpha", mode, [])
    again = front(view(*(nodes[at] for at in order if at < len(nodes))), "alpha", mode, [])
    assert where == again
    may = {
        said.state.public_addresses[0]
        for member, said in nodes
        if member.state in {"alive", "suspect"}
        and not said.state.cordoned
        and (said.state.ingress == "works" if mode == "all" else said.state.ingress != "fails")
        and (mode == "all" or member.node == "alpha")
    }
    if isinstance(where, Keep):
        assert not may
    else:
        assert {one.content for one in where.targets} <= may
        assert where.targets


GONE = "*.beta.home.example"


def due(departed: Departed, seen: ClusterView, now_s: float, grace_s: float = 3600.0) -> set[str]:
    wanted = desired(seen).zones.get(APEX, Desired(APEX))
    return set(departed.due([APEX, GONE], wanted, seen, grace_s=grace_s, now_s=now_s))


@pytest.mark.parametrize("living", ["dead", "left"])
def test_records_of_a_node_that_is_gone_are_removed_after_the_grace_time(
    living: MemberState,
) -> None:
    departed = Departed()
    seen = view(node("alpha", V4), node("beta", V4, living=living))
    assert due(departed, seen, 100.0) == set()
    assert due(departed, seen, 3699.9) == set()
    assert due(departed, seen, 3700.0) == {GONE}


def test_a_node_that_comes_back_gets_a_new_grace_time() -> None:
    departed = Departed()
    gone = view(node("alpha", V4), node("beta", V4, living="dead"))
    due(departed, gone, 0.0)
    assert due(departed, view(node("alpha", V4), node("beta")), 3000.0) == set()
    assert due(departed, gone, 3600.0) == set()
    assert due(departed, gone, 7200.0) == {GONE}


@pytest.mark.case("N1")
def test_a_node_that_knows_nothing_yet_or_only_itself_removes_nothing() -> None:
    departed = Departed()
    assert due(departed, ClusterView(), 0.0, grace_s=0.0) == set()
    alone = view(node("alpha", V4))
    assert due(departed, alone, 1e6, grace_s=0.0) == set()
    assert due(departed, alone, 1e6 + ALONE_GRACE_S_MIN - 1, grace_s=0.0) == set()
    together = view(node("alpha", V4), node("gamma", V4))
    assert due(departed, together, 1e6 + 59, grace_s=0.0) == {GONE}
    assert due(departed, alone, 2e6, grace_s=0.0) == set(), "it lost sight of the others just now"


def test_a_node_that_has_just_started_removes_no_address_of_nodes_that_it_does_not_know_yet() -> (
    None
):
    alone = view(node("alpha", V4))
    assert not is_settled(alone, ALONE_GRACE_S_MIN - 1)
    assert is_settled(alone, ALONE_GRACE_S_MIN)
    assert is_settled(view(node("alpha", V4), node("beta", OTHER_V4)), 0.0)
    early = desired_records(alone, "alpha", settings(mode="all"), APEX, is_settled=False)
    apex = early.zones[APEX].intents[APEX]
    assert isinstance(apex, Point)
    assert not apex.is_complete
