"""What `status` says of DNS: once, and only where DNS is used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from constellation.wellness.judgement import judge
from messages.admin import NodeStatus
from messages.gossip import NamedNodeState
from tests.admin.builders import actor, facts, members, said, status
from tests.admin.started_admin import Admin
from tests.traefik.builders import view

WITH_DNS = {"domain": "home.example"} | {
    "dns": {"zones": [{"name": "home.example"}], "cloudflare": {"api_token": "t"}}
}


def problems(*nodes: NamedNodeState, answered: NodeStatus, mode: str) -> tuple[str, ...]:
    cluster = view(members=members(beta="alive"), nodes=nodes)
    known = replace(facts(cluster, [answered]), dns_mode=mode, lb_leader="beta")
    return judge(known).degraded("host")


BETA = said("beta", "10.0.0.2", ingress="works")
WITHOUT_DNS, KEEPS_DNS = status("beta"), status("beta", actor("dns"))


@pytest.mark.parametrize(
    ("node", "answered", "mode", "text"),
    [
        pytest.param(BETA, WITHOUT_DNS, "leader", "no record can point to beta", id="leader"),
        pytest.param(BETA, WITHOUT_DNS, "all", "no record can point to beta", id="all"),
        pytest.param(BETA, KEEPS_DNS, "all", "", id="it says so itself"),
        pytest.param(BETA, WITHOUT_DNS, "", "", id="dns is not used"),
        pytest.param(
            said("beta", ingress="works", public_addresses=("203.0.113.2",)),
            WITHOUT_DNS, "all", "", id="its address is known",
        ),
        pytest.param(
            said("beta", ingress="fails"), KEEPS_DNS, "all", "stay as they are", id="nobody works"
        ),
        pytest.param(said("beta", ingress="fails"), KEEPS_DNS, "leader", "", id="lease is judged"),
    ],
)  # fmt: skip
def test_node_that_no_record_can_point_to_is_named(
    node: NamedNodeState, answered: NodeStatus, mode: str, text: str
) -> None:
    found = problems(said("alpha"), node, answered=answered, mode=mode)

    assert len(found) == bool(text)
    assert all(text in one for one in found)


@pytest.mark.parametrize(
    ("settings", "needed"),
    [
        ({}, {"lb-leader"}),
        (WITH_DNS, {"lb-leader", "dns-writer"}),
        ({**WITH_DNS, "leases": {"lb_leader": False}}, {"lb-leader", "dns-writer"}),
        ({"leases": {"lb_leader": False}}, set()),
    ],
)
def test_lease_of_dns_is_missed_only_where_dns_is_used(
    settings: dict[str, object], needed: set[str]
) -> None:
    admin = Admin(neighbours=("gossip", "raft"), **settings)

    assert admin.unheld_leases() == needed
