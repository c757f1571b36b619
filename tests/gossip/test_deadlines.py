"""A gossip node says when it must be called, whatever it hears."""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from constellation.gossip import packets
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.packets import Ping, Suspect
from constellation.gossip.policy import GossipPolicy
from messages.gossip import RecordPublish, RecordWithdraw
from messages.monitor import ServiceState
from tests.deadlines import Driver
from tests.identities import identity_of

STEPS, STEP_S = 500, 0.1
PEERS = {"beta": Address("10.0.0.2", 7946), "gamma": Address("10.0.0.3", 7946)}

Input = tuple[str, str]  # what happens, and which peer does it


def node_of(name: str, address: Address) -> GossipNode:
    return GossipNode(
        identity=identity_of(name),
        address=address,
        policy=GossipPolicy(),
        random=Random(1),
        incarnation=1,
        now_s=0.0,
    )


class Lab:
    """A started node, and peers that are only what they say to it."""

    def __init__(self) -> None:
        self.node = node_of("alpha", Address("10.0.0.1", 7946))
        self.peers = {name: node_of(name, address) for name, address in PEERS.items()}
        self.node.start(0.0)
        self._number = 0

    def act(self, happens: Input, now_s: float) -> Sequence[Any]:
        kind, name = happens
        node, peer, address = self.node, self.peers[name], PEERS[name]
        self._number += 1
        match kind:
            case "join":
                request = peer.push_pull_request(node.address, join=True)
                return node.on_push_pull_request(request, now_s)[1]
            case "ping":
                return node.on_packet(packets.encode(Ping(self._number, "alpha")), address, now_s)
            case "accuse":
                other = next(one for one in PEERS if one != name)
                return node.on_packet(packets.encode(Suspect(1, other, name)), address, now_s)
            case "publish":
                key = f"web{self._number % 3}"
                state = ServiceState(
                    service=key, health="healthy", source="static", instance=str(self._number)
                )
                return node.publish(RecordPublish(service_states=(state,)), now_s)
            case "withdraw":
                return node.withdraw(RecordWithdraw(kind="service", key="web1"), now_s)
            case _:
                return node.leave(now_s) if now_s > STEPS * STEP_S * 0.8 else ()


GOSSIP = Driver[Lab, Input](
    make=Lab,
    act=lambda lab, happens, now_s: lab.act(happens, now_s),
    tick=lambda lab, now_s: lab.node.on_time(now_s),
    due_s=lambda lab, _: math.inf if lab.node.next_due_s is None else lab.node.next_due_s,
    step_s=STEP_S,
)

EVENTS = st.dictionaries(
    st.integers(0, STEPS - 1),
    st.lists(
        st.tuples(
            st.sampled_from(["join", "ping", "ping", "accuse", "publish", "withdraw", "leave"]),
            st.sampled_from([*PEERS]),
        ),
        max_size=3,
    ),
    max_size=30,
)


@settings(max_examples=30, deadline=None)
@given(EVENTS)
def test_node_does_nothing_between_its_deadlines(events: dict[int, list[Input]]) -> None:
    GOSSIP.check(events, STEPS)
