"""Every condition under which a suspect whose host refuses connections is declared dead sooner."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from constellation.effects import Note
from constellation.gossip.member import Address, Member, MemberState, MemberTable, unpacked
from constellation.gossip.node_meta import pack_meta
from constellation.gossip.outbox import OpenTcpPing, SendDatagram
from constellation.gossip.packets import Alive, Suspect
from constellation.gossip.paths import Paths
from constellation.gossip.policy import PLAIN_VERSIONS, SwimPolicy
from constellation.gossip.prober import Prober
from constellation.gossip.refusals import Refusals
from constellation.gossip.timers import RecheckRefused
from tests.gossip.memberships import parts_of
from tests.identities import identity_of

POLICY = SwimPolicy()
GRACE_S, ASK_S = POLICY.refused_grace_s, POLICY.probe_timeout_s
NAMES = ("alpha", "beta", "gamma", "delta", "epsilon")
HOME = Address("10.0.0.2", 7946)  # of beta


def claim(name: str, incarnation: int = 1, *, host: int = 0) -> Alive:
    number = host or NAMES.index(name) + 1
    address = Address(f"10.0.0.{number}", 7946)
    meta = pack_meta(identity_of(name).public_key)
    return Alive(incarnation, name, address.packed, address.port, meta, PLAIN_VERSIONS)


class Observer:
    """Alpha among five members; beta has just refused it.  Its clock is `now_s`."""

    def __init__(self, *, accusers: tuple[str, ...] = ("alpha", "gamma", "delta")) -> None:
        self.parts = parts_of(claim("alpha"), POLICY)
        self.now_s = 0.0
        for name in NAMES[1:]:
            self.parts.hear(claim(name), self.now_s)
        prober: Prober = self.parts.hearsay._prober
        self.paths = Paths(prober, interval_s=1.0, outbox=self.parts.outbox)
        self.refusals = Refusals(
            self.parts.membership,
            POLICY,
            prober=prober,
            paths=self.paths,
            timers=self.parts.timers,
            outbox=self.parts.outbox,
        )
        self.accuse(*accusers)
        self.parts.outbox.take_effects()
        self.sent: list[object] = []

    def state(self) -> MemberState:
        """What alpha knows of beta."""
        return self.beta.state

    @property
    def beta(self) -> Member:
        member = self.parts.table.get("beta")
        assert member is not None
        return member

    def accuse(self, *accusers: str) -> None:
        for accuser in accusers:
            accusation = Suspect(self.beta.incarnation, "beta", accuser)
            self.parts.membership.on_suspect(accusation, self.now_s)

    def begin(self) -> None:
        self.refusals.begin(self.beta, self.now_s)

    def run_until(self, now_s: float) -> None:
        """Do the rechecks that are due until then; nothing else is driven here."""
        timers = self.parts.timers
        while (due_s := timers.due_s(RecheckRefused("beta"))) is not None and due_s <= now_s:
            timers.cancel(RecheckRefused("beta"))
            self.now_s = due_s
            self.refusals.on_recheck("beta", due_s)
            self.sent += self.parts.outbox.take_effects()
        self.now_s = now_s

    @property
    def connection(self) -> OpenTcpPing | None:
        """The second attempt to connect, once it has begun."""
        opened = [one for one in self.sent if isinstance(one, OpenTcpPing)]
        return opened[-1] if opened else None

    def refuse(self) -> None:
        """Refuse the second attempt, if there is one."""
        if self.connection is not None:
            self.refusals.on_refused(self.connection.seq_no, self.now_s)


def observed() -> Observer:
    observer = Observer()
    observer.begin()
    return observer


def test_suspect_that_refuses_again_after_the_grace_is_dead() -> None:
    observer = observed()
    observer.run_until(GRACE_S - 0.01)
    assert observer.connection is None
    asked = [one for one in observer.sent if isinstance(one, SendDatagram)]
    assert {one.to for one in asked} == {HOME, *(unpacked(c.addr, c.port) for c in others())}

    observer.run_until(GRACE_S)
    assert observer.state() == "suspect"
    observer.refuse()

    assert observer.state() == "dead"
    notes = [one for one in observer.parts.outbox.take_effects() if isinstance(one, Note)]
    assert [one.event for one in notes] == ["member_refuses", "member_failed"]
    assert len(observer.refusals) == 0


def others() -> list[Alive]:
    return [claim(name) for name in NAMES[2:]]


Happening = Callable[[Observer], None]


def helper_acks(observer: Observer) -> None:
    (refused,) = observer.refusals._refused.values()
    observer.refusals.on_ack(refused.seq_no)


def refutes(observer: Observer) -> None:
    observer.parts.hear(claim("beta", 2), observer.now_s)


def refutes_and_is_suspected_again(observer: Observer) -> None:
    refutes(observer)
    observer.now_s += 0.01
    observer.accuse("alpha", "gamma", "delta")


def moves_and_is_suspected_again(observer: Observer) -> None:
    observer.beta.claim = claim("beta", host=9)


WHILE_ASKED: dict[str, Happening] = {
    "an ack comes through a helper": helper_acks,
    "something comes from its address": lambda observer: observer.refusals.on_heard(HOME),
    "it refutes": refutes,
    "it refutes, and is suspected again": refutes_and_is_suspected_again,
    "it has another address": moves_and_is_suspected_again,
}


@pytest.mark.parametrize("what", WHILE_ASKED)
@pytest.mark.parametrize("at_s", [GRACE_S - 0.1, GRACE_S + 0.1])
def test_suspect_is_not_declared_dead_if_before_the_second_refusal(what: str, at_s: float) -> None:
    observer = observed()
    observer.run_until(at_s)
    WHILE_ASKED[what](observer)

    for step in range(1, 20):
        observer.run_until(at_s + step * 0.1)
        observer.refuse()

    assert observer.beta.is_living
    assert len(observer.refusals) == 0


def test_connection_that_is_not_refused_leaves_the_suspicion_its_time() -> None:
    observer = observed()
    observer.run_until(GRACE_S)
    observer.run_until(GRACE_S + ASK_S)
    observer.refuse()  # too late

    assert observer.state() == "suspect"
    assert len(observer.refusals) == 0


def test_refusal_of_another_connection_counts_for_nothing() -> None:
    observer = observed()
    observer.run_until(GRACE_S)
    assert observer.connection is not None

    observer.refusals.on_refused(observer.connection.seq_no + 1, observer.now_s)

    assert observer.state() == "suspect"


def test_suspect_that_too_few_accuse_is_asked_again_only_when_they_do() -> None:
    observer = Observer(accusers=("alpha", "gamma"))
    observer.begin()
    observer.run_until(2 * GRACE_S)
    assert not any(isinstance(one, SendDatagram | OpenTcpPing) for one in observer.sent)

    observer.accuse("delta")
    observer.run_until(2 * GRACE_S + 2 * ASK_S)
    observer.refuse()

    assert observer.state() == "dead"


def test_host_that_refuses_while_others_reach_the_member_is_no_witness() -> None:
    observer = Observer()
    observer.paths.missed(HOME, "beta", over_tcp=False)
    observer.begin()
    assert len(observer.refusals) == 0

    observer.paths.missed(HOME, "beta", over_tcp=True)  # only UDP does not pass
    observer.begin()
    assert len(observer.refusals) == 1


def test_later_refusals_of_one_suspicion_do_not_put_the_decision_off() -> None:
    observer = observed()
    observer.run_until(GRACE_S / 2)
    observer.begin()
    observer.run_until(GRACE_S)
    observer.refuse()

    assert observer.state() == "dead"


def test_member_that_is_not_suspect_any_more_begins_nothing() -> None:
    observer = Observer()
    refutes(observer)

    observer.begin()

    assert len(observer.refusals) == 0


# Who probes a suspect out of turn.


def table_of(count: int) -> MemberTable:
    parts = parts_of(claim("alpha"), POLICY, members_max=count)
    for number in range(2, count + 1):
        address = Address(f"10.1.{number >> 8}.{number & 255}", 7946)
        meta = pack_meta(identity_of(f"n{number}").public_key)
        said = replace(claim("beta"), node=f"n{number}", addr=address.packed, meta=meta)
        parts.hear(said, 0.0)
    return parts.table


def probed(table: MemberTable, count: int) -> list[str]:
    found = [table.next_to_probe(but="alpha")[0] for _ in range(count)]
    return [member.name for member in found if member is not None]


def test_suspects_are_probed_next_and_never_keep_the_others_from_their_turn() -> None:
    table = table_of(10)
    for name in ("n2", "n3"):
        member = table.get(name)
        assert member is not None
        table.enter(member, "suspect", 0.0)
    seen: list[str] = []
    for _ in range(18):
        table.verify_soon("n2", verifiers=10)
        table.verify_soon("n3", verifiers=10)
        seen += probed(table, 1)

    assert set(seen[0::2]) == {"n2", "n3"}
    assert set(seen[1::2]) == {f"n{number}" for number in range(2, 11)}


def test_suspect_that_refuted_or_was_forgotten_is_not_probed_out_of_turn() -> None:
    table = table_of(4)
    for name in ("n2", "n3"):
        table.verify_soon(name, verifiers=10)
    table.forget("n3")

    assert sorted(probed(table, 2)) == ["n2", "n4"]


def test_in_a_large_cluster_only_some_verify() -> None:
    table = table_of(102)
    member = table.get("n2")
    assert member is not None
    table.enter(member, "suspect", 0.0)
    chosen = 0
    for _ in range(1000):
        table.verify_soon("n2", verifiers=8)
        chosen += bool(table._soon)
        table._soon.clear()

    assert 50 < chosen < 120
