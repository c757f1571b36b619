"""The loop of a process: what it receives, and when it lets files and timers have their turn."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from actors.transport import payload
from actors.transport.actor_loop import EARLY_ACTORS_MAX, POLL_EVERY, ActorLoop
from actors.transport.connection import RECEIVE_BYTES
from actors.transport.delivery import TransportSettings
from actors.transport.local_links import listen_at
from constellation.transport.address import ActorRef
from messages.lifecycle import ActorPing

SENT_FOR_EACH = 4  # messages, while the receiver handles one
HANDLED = 8_000


@contextmanager
def loop_of(directory: Path, actor_id: str) -> Iterator[ActorLoop]:
    settings = TransportSettings("127.0.0.1", 7947, b"k" * 32, directory)
    listener: socket.socket = listen_at(settings.socket_path(actor_id))
    loop = ActorLoop(settings, actor_id, listener)
    try:
        yield loop
    finally:
        loop.delivery.close()
        loop.reactor.close()


def test_sender_that_is_faster_fills_its_own_queue_and_not_the_inbox(tmp_path: Path) -> None:
    body = payload.encode(ActorPing(seq_no=1))
    with loop_of(tmp_path, "aaaaaa-1") as receiver, loop_of(tmp_path, "aaaaaa-2") as sender:
        inbox = receiver.open(receiver.delivery.ref)
        sender.delivery.send(inbox.ref, body)
        most, caught_up, handled = 0, 0, 0
        while handled < HANDLED:
            following = receiver.next()
            if following is None:
                sender.reactor.poll(0.0)
                receiver.poll(0.1)
                continue
            handled += 1
            caught_up += not inbox.waiting
            for _ in range(SENT_FOR_EACH):
                sender.delivery.send(inbox.ref, body)
            most = max(most, len(inbox.waiting))

    assert caught_up > 1, "it never did what it defers until all messages are handled"
    assert most * len(body) <= RECEIVE_BYTES, f"{most} messages waited"


def test_neighbours_that_never_pause_let_timers_have_their_turn(tmp_path: Path) -> None:
    with loop_of(tmp_path, "aaaaaa-1") as loop:
        inbox = loop.open(ActorRef("127.0.0.1", 7947, "aaaaaa-1.1"))
        called: list[int] = []
        loop.delivery.send(inbox.ref, payload.encode(ActorPing(seq_no=1)))
        loop.reactor.call_at(time.monotonic(), lambda: called.append(1))
        for _ in range(2 * POLL_EVERY):
            following = loop.next()
            assert following is not None
            inbox.put(following[1])

    assert called


def test_actors_that_were_never_created_leave_room_for_messages_to_later_ones(
    tmp_path: Path,
) -> None:
    body = payload.encode(ActorPing(seq_no=1))
    with loop_of(tmp_path, "aaaaaa-1") as loop:
        host = loop.delivery.ref
        for number in range(1, EARLY_ACTORS_MAX + 1):
            loop.delivery.send(host.neighbour(number), body)
        loop.open(host.neighbour(EARLY_ACTORS_MAX + 1))
        later = host.neighbour(EARLY_ACTORS_MAX + 2)
        loop.delivery.send(later, body)

        assert len(loop.open(later).waiting) == 1


def test_name_of_an_actor_that_has_ended_addresses_nobody(tmp_path: Path) -> None:
    with loop_of(tmp_path, "aaaaaa-1") as loop:
        socket_of_name = loop.delivery.settings.socket_path("@worker")
        first, second = (loop.open(loop.delivery.ref.neighbour(number)) for number in (1, 2))
        loop.claim_name("worker", first)
        assert socket_of_name.exists()
        loop.close(first)
        assert not socket_of_name.is_symlink()

        loop.claim_name("worker", second)
        loop.close(first)
        assert socket_of_name.exists(), "it is another's"


def test_name_that_another_process_has_claimed_stays(tmp_path: Path) -> None:
    with loop_of(tmp_path, "aaaaaa-1") as one, loop_of(tmp_path, "aaaaaa-2") as other:
        inbox = one.open(one.delivery.ref.neighbour(1))
        one.claim_name("worker", inbox)
        other.delivery.claim_name("worker")

        one.close(inbox)

        assert other.delivery.settings.socket_path("@worker").exists()
