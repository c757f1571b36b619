"""The cost of a hostile packet or push/pull: little time and memory, few log lines."""

from __future__ import annotations

import contextlib
import gc
import time
from collections.abc import Callable
from random import Random

import msgpack
import pytest

from constellation.effects import Note
from constellation.errors import WireError
from constellation.gossip import lzw, packets, record_codec
from constellation.gossip.change_feed import VIEW_MAX
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.fields import U32_MAX
from constellation.gossip.gossip_node import MERGE_BATCH_MAX, GossipNode
from constellation.gossip.incarnation import FOLLOWED_MAX
from constellation.gossip.keyring_seal import open_keyring, seal_keyring
from constellation.gossip.member import Address, unpacked
from constellation.gossip.membership import HIGHEST_MAX
from constellation.gossip.node_meta import state_in
from constellation.gossip.outbox import LADEN_MAX, Effect, SendDatagram
from constellation.gossip.packets import Alive, Ping, Suspect, User
from constellation.gossip.policy import PLAIN_VERSIONS, GossipPolicy
from constellation.gossip.security import Keyring
from constellation.gossip.stream import NodeEntry, PushPull, StreamReader
from messages.gossip import RecordPublish
from tests.fuzz import hostile
from tests.fuzz.corpus import NODE_STATE, alive
from tests.identities import identity_of

pytestmark = pytest.mark.xdist_group("measures cost")

SOURCE = Address("10.0.0.2", 7946)
CPU_S_MAX = 0.5


def node(*, policy: GossipPolicy | None = None) -> GossipNode:
    """Return alpha, which knows beta and gamma."""
    core = GossipNode(
        identity=identity_of("alpha"),
        address=Address("10.0.0.1", 7946),
        policy=policy or GossipPolicy(),
        random=Random(1),
        incarnation=1,
        now_s=0.0,
    )
    core.start(0.0)
    for name in ("beta", "gamma"):
        hear(core, alive(name), 0.0)
    return core


def hear(core: GossipNode, claim: Alive, now_s: float) -> list[Effect]:
    """Let a node receive a claim from the address that it names."""
    return core.on_packet(packets.encode(claim), unpacked(claim.addr, claim.port), now_s)


def cpu_s(step: Callable[[], object]) -> float:
    """Return the cost of `step`, without the garbage collection of what other tests hold."""
    gc.collect()
    gc.disable()
    try:
        began_s = time.process_time()
        step()
        return time.process_time() - began_s
    finally:
        gc.enable()


def refused(step: Callable[[], object]) -> str:
    with pytest.raises(WireError) as caught:
        step()
    return caught.value.reason


def notes(effects: list[Effect], event: str) -> list[Note]:
    return [one for one in effects if isinstance(one, Note) and one.event == event]


def crowd(count: int, prefix: str = "c", state: str = "alive") -> PushPull:
    claims = [
        Alive(1, f"{prefix}{number}", number.to_bytes(4, "big"), 7946, b"", PLAIN_VERSIONS)
        for number in range(count)
    ]
    return PushPull(tuple(NodeEntry(claim, state) for claim in claims))


def admit(core: GossipNode, table: PushPull, now_s: float) -> None:
    """Let a node hear every member of a table itself."""
    for entry in table.nodes:
        source = unpacked(entry.alive.addr, entry.alive.port)
        core.swim.membership.on_alive(entry.alive, now_s, source)
    core.on_time(now_s)


def test_clear_codes_cost_no_more_than_other_codes() -> None:
    data = hostile.clear_codes(56_000)

    assert cpu_s(lambda: refused(lambda: lzw.decompress(data, bytes_max=1 << 20))) < CPU_S_MAX / 4


@pytest.mark.parametrize("field", [b"SeqNo", b"Payload"])
def test_deeply_nested_field_is_refused(field: bytes) -> None:
    assert refused(lambda: packets.decode(hostile.nested(field, 1000))) == "field"


@pytest.mark.parametrize("head", [b"\x41", b"\x43"], ids=["records", "exchange"])
def test_nested_data_followed_by_more_is_refused(head: bytes) -> None:
    body = head + b"\x91" * 1000 + b"\x00\x00"
    unpack = record_codec.unpack_records if head == b"\x41" else record_codec.unpack_exchange

    assert refused(lambda: unpack(body)) == "record"


def test_refusal_of_a_ring_reveals_no_key() -> None:
    ring = Keyring((b"secret-secret-secret-secret-key!",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(msgpack, "packb", lambda keys: msgpack.Packer().pack(keys) + b"\x00")
        sealed = seal_keyring(ring, b"c" * 32, nonce=bytes(12))

    with pytest.raises(WireError) as caught:
        open_keyring(sealed, b"c" * 32)
    assert "secret" not in str(caught.value)


def test_compressed_parts_of_a_packet_share_one_limit() -> None:
    assert len(packets.decode(hostile.bombs(3))) == 3
    assert refused(lambda: packets.decode(hostile.bombs(4))) == "inflated"
    assert refused(lambda: packets.decode(hostile.squeezed(hostile.bombs(4)))) == "inflated"


def test_stream_that_takes_long_to_decompress_is_refused() -> None:

    data = hostile.packed_as(bytes(packets.PACKED_BYTES_MAX + 1))

    assert refused(lambda: StreamReader(GossipEnvelope()).feed(data)) == "field"


def test_records_of_one_packet_are_checked_in_batches() -> None:
    core = node()
    body = packets.encode(User(hostile.forged(3 * MERGE_BATCH_MAX)))

    core.on_packet(body, SOURCE, 1.0)
    steps = [core.refused["signature"]]
    while core.next_due_s is not None and core._backlog:
        core.on_time(core.next_due_s)
        steps.append(core.refused["signature"])

    assert set(range(MERGE_BATCH_MAX, 3 * MERGE_BATCH_MAX + 1, MERGE_BATCH_MAX)) <= set(steps)


def test_user_messages_of_one_packet_share_one_limit() -> None:
    core = node()
    parts = [packets.encode(User(hostile.forged(4000)))] * 3

    effects = core.on_packet(packets.compound(parts), SOURCE, 1.0)

    assert [note.fields["reason"] for note in notes(effects, "user_message_refused")] == [
        "inflated"
    ]
    assert len(core._backlog) + core.refused.total() <= 2 * 4000


def test_previous_address_of_a_member_is_forgotten() -> None:
    core = node()

    for said in packets.decode(hostile.restless(100)):
        source = unpacked(said.addr, said.port) if isinstance(said, Alive) else SOURCE
        core.on_packet(packets.encode(said), source, 1.0)

    assert core.swim.outbox.strangers == {Address("11.0.0.99", 7946)}


def test_node_accused_at_the_highest_incarnation_still_publishes() -> None:
    core = node()
    for accused in (FOLLOWED_MAX, HIGHEST_MAX - 1, HIGHEST_MAX, U32_MAX):
        core.on_packet(packets.encode(Suspect(accused, "alpha", "beta")), SOURCE, 1.0)
    me = core.swim.membership.me

    core.publish(RecordPublish(node_state=NODE_STATE), 2.0)

    assert state_in(me.claim.meta) == NODE_STATE
    assert me.incarnation == FOLLOWED_MAX + 2


def test_accusation_of_our_incarnation_is_refuted_however_high_it_is() -> None:
    core = node()
    core.swim.membership.me.incarnation = FOLLOWED_MAX + 5

    core.on_packet(packets.encode(Suspect(FOLLOWED_MAX + 5, "alpha", "beta")), SOURCE, 1.0)

    assert core.swim.membership.me.incarnation == FOLLOWED_MAX + 6


def test_claim_that_cannot_be_renewed_stays_and_is_logged() -> None:
    core = node()
    core.swim.membership.me.incarnation = HIGHEST_MAX

    effects = core.publish(RecordPublish(node_state=NODE_STATE), 1.0)

    assert notes(effects, "claim_not_renewed")
    assert core.swim.membership.me.incarnation == HIGHEST_MAX


def test_readers_receive_a_limited_number_of_members() -> None:
    core, now_s = node(), 1.0
    for wave in range(3):
        admit(core, crowd(4000, f"w{wave}-"), now_s)
        core.on_push_pull_request(crowd(4000, f"w{wave}-", "left"), now_s)
        now_s += 60.0
        core.swim.membership.reap(now_s)
        core.take_changes(now_s)

    members = core.snapshot(now_s).members
    assert len(members) == VIEW_MAX
    assert {"alpha", "beta", "gamma"} <= {member.node for member in members}


def test_push_pull_of_too_many_members_does_not_fill_the_log() -> None:
    core = node()

    _, effects = core.on_push_pull_request(crowd(1 << 14), 1.0)
    admit(core, crowd(1 << 13), 2.0)

    assert [effect for effect in effects if isinstance(effect, Note)] == []
    assert len(core.swim.members) == core.swim.policy.members_max


def test_push_pull_that_suspects_all_members_is_merged_in_time() -> None:
    core = node()
    admit(core, crowd(4000), 1.0)

    took_s = cpu_s(lambda: core.on_push_pull_request(crowd(4000, state="suspect"), 2.0))

    assert took_s < CPU_S_MAX
    assert core.swim.members.living_count == sum(one.is_living for one in core.swim.members)


def test_push_pull_into_full_queues_is_merged_in_time() -> None:
    core = node()
    for wave in range(3):
        admit(core, crowd(4000, f"w{wave}-"), 61.0 * wave)
        core.on_push_pull_request(crowd(4000, f"w{wave}-", "left"), 61.0 * wave)
        core.swim.membership.reap(61.0 * wave + 60.0)

    assert cpu_s(lambda: core.on_push_pull_request(crowd(4000, "more"), 200.0)) < CPU_S_MAX


def test_only_the_first_packets_of_a_step_carry_broadcasts() -> None:
    core = node()
    admit(core, crowd(2000), 1.0)
    pings = packets.compound([packets.encode(Ping(1, "alpha"))] * 200)

    answers = [one for one in core.on_packet(pings, SOURCE, 2.0) if isinstance(one, SendDatagram)]

    assert len(answers) == 200
    assert sum(len(one.parts) > 1 for one in answers) == LADEN_MAX
    assert len(core.on_packet(packets.encode(Ping(1, "alpha")), SOURCE, 3.0)[0].parts) > 1  # type: ignore[union-attr]


def test_accuser_name_cannot_inject_control_characters_into_the_log() -> None:
    accusation = packets.encode(Suspect(1, "gamma", "\udcff\n\x1b[2J"))

    (note,) = notes(node().on_packet(accusation, SOURCE, 1.0), "member_suspected")

    assert note.fields["accuser"].isprintable()


@pytest.mark.parametrize("data", [*hostile.HOSTILE_PACKETS], ids=len)
def test_hostile_packet_costs_little(data: bytes) -> None:
    core = node()

    def step() -> None:
        with contextlib.suppress(WireError):
            core.on_packet(data, SOURCE, 1.0)

    assert cpu_s(step) < CPU_S_MAX
