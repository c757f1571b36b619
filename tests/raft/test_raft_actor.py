"""The Raft actor's shell: one write for what has arrived, and what becomes of a failing disk."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from thespian.actors import ActorAddress

from actors import raft as raft_actor
from actors.adapters.raft_store import RaftStore
from actors.shell import YIELD_TIMEOUT_S
from constellation.raft.host import REOPEN_S
from constellation.transport.address import ActorRef
from constellation.wire import encode
from messages.events import ChangeReported
from messages.gossip import (
    ClusterChanged,
    ClusterSubscribe,
)
from messages.leases import LeaseClaim, LeasesChanged, LeaseTableState
from messages.lifecycle import ActorYield, ActorYielded
from messages.raft import RaftConfiguration, RaftSnapshotRequest, RaftVoteRequest
from messages.raft_member import (
    ClusterJoined,
    LeasesRead,
    LeasesReadDone,
    LeasesSubscribe,
    RaftCommitted,
    RaftLeading,
    RaftOffer,
    RaftOrder,
    RaftOrderDone,
    RaftPacket,
    RaftPromise,
    RaftPropose,
    RaftReadIndex,
    RaftReadIndexRequest,
)
from tests.harness import messages_of
from tests.raft.raft_shell import TO_OTHERS, Partner, Shell, raft_of
from tests.raft.stores import INPUT_OUTPUT, NO_SPACE, failing, full_once

Start = Callable[..., Shell]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    shells: list[Shell] = []

    def begin(**options: Any) -> Shell:
        if shells:
            shells[-1].harness.stop()
        shells.append(Shell(tmp_path, **options))
        return shells[-1]

    yield begin
    for shell in shells:
        shell.harness.stop()


@pytest.fixture
def alone(start: Start) -> Shell:
    """Return a node that leads a cluster of its own."""
    shell = start()
    shell.sees()
    shell.pass_time(0.5)
    assert shell.status().leader == "alpha"
    return shell


def test_single_node_leads_and_reports_its_cluster(alone: Shell) -> None:
    joined = messages_of(ClusterJoined, alone.harness.sent)[-1]

    assert joined.cluster_id == alone.status().cluster_id != ""
    assert alone.harness.sent_to("gossip") == [ClusterSubscribe(services="none")]
    reports = messages_of(ChangeReported, alone.harness.sent)
    assert ("leader_elected", "alpha") in [(one.what, one.node) for one in reports]


def test_what_has_arrived_together_is_saved_with_one_write(
    alone: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs: list[int] = []
    sync = os.fdatasync

    def count(file: int) -> None:
        syncs.append(file)
        sync(file)

    monkeypatch.setattr(os, "fdatasync", count)
    alone.harness.runtime.has_more_arrived = True
    for number in range(1, 6):
        alone.propose(f"lease-{number}", number)
    assert not syncs
    assert not messages_of(RaftCommitted, alone.harness.sent)
    alone.harness.runtime.has_more_arrived = False
    alone.propose("lease-6", 6)

    assert len(syncs) == 1
    committed = messages_of(RaftCommitted, alone.harness.sent)
    assert [one.number for one in committed] == [1, 2, 3, 4, 5, 6]


def test_next_life_knows_what_was_committed_and_reports_none_of_it_again(
    start: Start, alone: Shell
) -> None:
    alone.propose("kept", 1)

    again = start()
    again.sees()
    again.pass_time(3)

    again.harness.deliver(LeasesRead(number=7))
    (read,) = messages_of(LeasesReadDone, again.harness.sent)
    assert read.is_confirmed
    assert [lease.name for lease in read.state.leases] == ["kept"]
    reports = messages_of(ChangeReported, again.harness.sent)
    assert "lease_granted" not in {report.what for report in reports}


def test_subscriber_gets_the_table_and_the_leader_and_then_changes(alone: Shell) -> None:
    leases = ActorAddress(ActorRef("127.0.0.1", 7947, "leases"))
    alone.harness.deliver(LeasesSubscribe(), sender=leases)
    alone.propose("lb-leader", 1)

    table, leading, changed = alone.harness.sent_to("leases")
    assert table == LeaseTableState(index=table.index)
    assert leading == RaftLeading(is_leader=True, leader="alpha", term=1)
    assert isinstance(changed, LeasesChanged)
    assert [lease.name for lease in changed.held] == ["lb-leader"]


def test_subscriber_gets_a_claim_which_changes_nothing_in_the_table(alone: Shell) -> None:
    leases = ActorAddress(ActorRef("127.0.0.1", 7947, "leases"))
    alone.propose("lb-leader", 1)
    alone.harness.deliver(LeasesSubscribe(), sender=leases)
    table, _ = alone.harness.sent_to("leases")
    (lease,) = table.leases
    claim = LeaseClaim(name=lease.name, fencing_token=lease.fencing_token, claimant="alpha")
    late = claim.model_copy(update={"fencing_token": lease.fencing_token - 1})

    for command in (late, claim):
        alone.harness.deliver(RaftPropose(commands=(encode(command),)))

    (changed,) = alone.harness.sent_to("leases")[2:]
    assert (changed.claimed, changed.held, changed.freed) == ((claim,), (), ())


def test_subscriber_that_has_ended_is_sent_nothing_more(alone: Shell) -> None:
    alone.harness.neighbours("gossip", "admin", "leases")
    leases = ActorAddress(ActorRef("127.0.0.1", 7947, "leases"))
    alone.harness.deliver(LeasesSubscribe(), sender=leases)
    before = len(alone.harness.sent_to("leases"))

    alone.harness.neighbours("gossip", "admin")
    alone.propose("lb-leader", 0)

    assert len(alone.harness.sent_to("leases")) == before


@pytest.mark.scenario(9)
def test_damaged_journal_is_reported_with_what_to_do_and_stays_as_it_is(
    start: Start, alone: Shell, tmp_path: Path
) -> None:
    alone.propose("kept", 1)
    alone.harness.stop()
    journal = tmp_path / "raft" / "journal"
    content = bytearray(journal.read_bytes())
    content[len(content.rstrip(b"\0")) // 2] ^= 4
    journal.write_bytes(content)

    damaged = start()
    damaged.pass_time(5)

    part = damaged.part
    assert (part.part, part.state) == ("raft", "lost")
    assert part.why.startswith(f"{journal}: ")
    assert "it joins as a new node" in part.fix
    assert damaged.status().condition == "refuses"
    assert journal.read_bytes() == content


def test_node_that_refuses_answers_every_request_that_needs_an_answer(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "raft").mkdir()
    (tmp_path / "raft" / "journal").write_bytes(b"no journal at all, but long enough" * 99)
    shell = start()

    shell.harness.deliver(RaftOrder(action="remove", node="beta", number=3))
    shell.harness.deliver(LeasesRead(number=4))
    shell.harness.deliver(LeasesSubscribe())
    shell.harness.deliver(ActorYield())

    (done,) = messages_of(RaftOrderDone, shell.harness.sent)
    assert (done.number, done.is_done) == (3, False)
    assert "takes no part now" in done.text
    assert messages_of(LeasesReadDone, shell.harness.sent)[0].is_confirmed is False
    assert messages_of(RaftLeading, shell.harness.sent)[-1].is_leader is False
    assert shell.harness.sent_to("supervisor")[-1] == ActorYielded(name="raft")


@pytest.mark.scenario(9)
@pytest.mark.parametrize("error", [NO_SPACE, INPUT_OUTPUT])
def test_node_whose_disk_fails_refuses_and_serves_again_once_it_works(
    alone: Shell, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    alone.harness.deliver(LeasesSubscribe())
    alone.pass_time(1)
    failing(monkeypatch, "pwrite", error, times=2 if error is NO_SPACE else 1)

    alone.propose("lost", 1)

    assert not messages_of(RaftCommitted, alone.harness.sent)
    assert messages_of(RaftLeading, alone.harness.sent)[-1].is_leader is False
    assert alone.status().condition == "refuses"
    alone.pass_time(1)
    assert (alone.part.part, alone.part.state) == ("raft", "lost")
    alone.pass_time(REOPEN_S + 3)
    assert alone.status().leader == "alpha"
    assert (alone.part.part, alone.part.state) == ("raft", "present")
    alone.propose("kept", 2)
    assert [one.number for one in messages_of(RaftCommitted, alone.harness.sent)] == [2]
    assert messages_of(RaftLeading, alone.harness.sent)[-1].is_leader is True


def test_packet_that_comes_from_elsewhere_than_its_source_is_refused(start: Start) -> None:
    shell = start(expect=3)
    shell.sees("beta", "gamma")
    shell.harness.deliver(
        RaftOffer(cluster_id="c", initiator="alpha", voters=("alpha", "beta", "gamma")),
        sender=raft_of("beta"),
    )
    vote = RaftVoteRequest(term=2, candidate="beta", last_log_index=2, last_log_term=1)
    packet = RaftPacket(cluster_id="c", source="beta", adopts=True, frames=(encode(vote),))

    shell.harness.deliver(packet, sender=raft_of("gamma"))

    value = shell.actor.registry.get_sample_value
    assert value("constellation_raft_packets_refused_total", {"reason": "source"}) == 1
    assert shell.status().condition == "waiting"


def test_only_the_leader_confirms_a_read(start: Start) -> None:
    shell = start(expect=2)
    shell.sees("gamma")
    gamma = Partner(shell)
    gamma.talk(4)
    shell.harness.deliver(RaftOrder(action="transfer", node="gamma", number=1))
    gamma.talk(1)
    assert shell.status().leader == "gamma"
    shell.sees("beta", "gamma", cluster_id=shell.status().cluster_id)
    shell.harness.deliver(LeasesRead(number=9))
    request = messages_of(RaftReadIndexRequest, shell.harness.sent)[-1]
    answer = RaftReadIndex(number=request.number, index=0, is_confirmed=True)

    shell.harness.deliver(answer, sender=raft_of("beta"))
    assert not messages_of(LeasesReadDone, shell.harness.sent)
    value = shell.actor.registry.get_sample_value
    assert value("constellation_raft_packets_refused_total", {"reason": "read"}) == 1

    shell.harness.deliver(answer, sender=raft_of("gamma"))
    (done,) = messages_of(LeasesReadDone, shell.harness.sent)
    assert (done.number, done.is_confirmed) == (9, True)


def test_promise_is_on_the_disk_before_it_is_given(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = start(expect=3)
    shell.sees("beta", "gamma")
    offer = RaftOffer(cluster_id="c", initiator="beta", voters=("alpha", "beta", "gamma"))
    full_once(monkeypatch)
    shell.harness.deliver(offer, sender=raft_of("beta"))
    assert not messages_of(RaftPromise, shell.harness.sent)

    shell.pass_time(REOPEN_S + 1)
    shell.harness.deliver(offer, sender=raft_of("beta"))

    assert shell.harness.sent_to(TO_OTHERS)[-1] == RaftPromise(cluster_id="c", node="alpha")
    shell.harness.stop()
    store = RaftStore.open(tmp_path / "raft")
    assert store.disk.identity.promised_to == "c"
    store.close()


def test_leader_yields_at_once_without_another_voter(alone: Shell) -> None:
    alone.harness.deliver(ActorYield())

    assert alone.harness.sent_to("supervisor")[-1] == ActorYielded(name="raft")


def test_leader_transfers_leadership_before_it_reports_that_it_has_yielded(start: Start) -> None:
    shell = start(expect=2)
    shell.sees("gamma")
    gamma = Partner(shell)
    gamma.talk(4)
    assert shell.status().leader == "alpha"
    assert shell.status().voters == ("alpha", "gamma")

    shell.harness.deliver(ActorYield())
    assert not messages_of(ActorYielded, shell.harness.sent)
    gamma.exchange()
    shell.pass_time(0.05)

    assert gamma.member.is_leader
    assert messages_of(ActorYielded, shell.harness.sent) == [ActorYielded(name="raft")]


def test_leader_that_cannot_hand_over_yields_after_a_while(start: Start) -> None:
    shell = start(expect=2)
    shell.sees("gamma")
    gamma = Partner(shell)
    gamma.talk(4)

    shell.harness.deliver(ActorYield())  # and gamma hears nothing of it
    shell.pass_time(YIELD_TIMEOUT_S / 2)
    assert not messages_of(ActorYielded, shell.harness.sent)
    shell.pass_time(YIELD_TIMEOUT_S / 2 + 0.1)

    assert messages_of(ActorYielded, shell.harness.sent) == [ActorYielded(name="raft")]


def test_member_that_fails_in_a_step_ends_its_process(
    alone: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone.actor.host.member, "propose", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):  # the harness raises what ends a real process
        alone.propose("lb-leader", 1)


def test_gap_in_the_changes_of_gossip_causes_a_new_subscription(alone: Shell) -> None:
    alone.harness.deliver(ClusterChanged(version=9, snapshot=False, self_node="alpha"))
    alone.harness.deliver(ClusterChanged(version=10, snapshot=False, self_node="alpha"))

    assert alone.harness.sent_to("gossip") == [ClusterSubscribe(services="none")] * 2


@pytest.mark.parametrize(
    ("source", "sender"), [("gamma", "gamma"), ("alpha", "beta")], ids=["unknown", "our own name"]
)
def test_packet_from_a_node_unknown_to_gossip_is_refused(
    start: Start, source: str, sender: str
) -> None:
    shell = start(expect=3)
    vote = RaftVoteRequest(term=2, candidate=source, last_log_index=2, last_log_term=1)
    packet = RaftPacket(cluster_id="c", source=source, adopts=True, frames=(encode(vote),))
    value = shell.actor.registry.get_sample_value
    refused = ("constellation_raft_packets_refused_total", {"reason": "source"})

    shell.harness.deliver(packet, sender=raft_of(sender))
    assert not value(*refused)

    shell.sees("beta")
    shell.harness.deliver(packet, sender=raft_of(sender))
    assert value(*refused) == 1


def test_fencing_tokens_of_a_cluster_begin_above_those_of_earlier_ones(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    began_utc_s = 1_700_000_000.25
    monkeypatch.setattr("actors.node.started_at_utc_s", lambda: began_utc_s)
    shell = start()
    shell.harness.deliver(LeasesSubscribe())
    shell.sees()
    shell.pass_time(0.5)

    shell.propose("lb-leader", 1)

    changed = messages_of(LeasesChanged, shell.harness.sent)[-1]
    (token,) = [lease.fencing_token for lease in changed.held]
    assert began_utc_s * 1000 < token < began_utc_s * 1000 + 100


def test_cluster_begins_even_if_the_clock_is_before_the_epoch(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.node.started_at_utc_s", lambda: -7.0)
    shell = start()
    shell.sees()
    shell.pass_time(0.5)

    assert shell.status().leader == "alpha"


def test_subscribers_see_a_leader_only_while_no_cluster_with_a_lower_id_exists(
    alone: Shell,
) -> None:
    alone.harness.deliver(LeasesSubscribe())
    leading = messages_of(RaftLeading, alone.harness.sent)[-1]
    told = [(leading.is_leader, leading.yields)]
    for cluster_id in ("!lower", "~higher"):
        alone.sees("beta", cluster_id=cluster_id)
        leading = messages_of(RaftLeading, alone.harness.sent)[-1]
        told.append((leading.is_leader, leading.yields))

    assert told == [(True, False), (False, True), (True, False)]
    assert alone.status().leader == "alpha"


def test_snapshot_that_is_not_a_lease_table_is_refused_before_it_is_saved(
    start: Start, tmp_path: Path
) -> None:
    shell = start(expect=3)
    shell.sees("gamma")
    snapshot = RaftSnapshotRequest(
        term=1,
        leader="gamma",
        number=1,
        last_index=9,
        last_term=1,
        configuration=RaftConfiguration(voters=("gamma",), learners=("alpha",)),
        size_bytes=4,
        offset_bytes=0,
        data=b"junk",
    )
    packet = RaftPacket(cluster_id="c", source="gamma", adopts=True, frames=(encode(snapshot),))

    shell.harness.deliver(packet, sender=raft_of("gamma"))

    assert shell.status().condition == "member"
    shell.harness.stop()
    store = RaftStore.open(tmp_path / "raft")
    assert store.disk.identity.cluster_id == "c"
    assert store.disk.snapshot is None
    store.close()


@pytest.mark.case("S4")
def test_disk_that_hangs_is_reported_like_one_that_fails_and_used_again_when_it_answers(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raft_actor, "DISK_PATIENCE_S", 0.1)
    alone = start()
    alone.sees()
    alone.pass_time(0.5)
    answers = threading.Event()
    sync = os.fdatasync

    def hang(file: int) -> None:
        answers.wait()
        sync(file)

    monkeypatch.setattr(os, "fdatasync", hang)
    alone.propose("kept", 1)
    alone.pass_time(5)

    status = alone.status()
    assert (status.condition, status.trouble) == ("refuses", "disk")
    assert status.why.endswith("cannot be written: the disk has not answered for 0.1 s")
    assert (alone.part.state, alone.part.why) == ("lost", status.why)
    assert alone.actor._disk._attempts.qsize() == 1, "only the old file is still to be closed"

    answers.set()
    deadline_s = time.monotonic() + 5
    while alone.status().condition != "member" and time.monotonic() < deadline_s:
        time.sleep(0.01)
        alone.pass_time(2.5)
    alone.pass_time(20)
    assert alone.status().condition == "member"
    assert alone.status().role == "leader"
    assert alone.part.state == "present"
