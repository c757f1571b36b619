"""The actors of one process: one reactor, one set of connections, and an inbox for each actor.

Most processes have one actor.  A host has several: their messages to one another skip the socket
and are not encoded, since every message is immutable.  Inboxes take turns, so an actor with many
messages does not keep its neighbours waiting.
"""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable
from itertools import count

from thespian.actors import ActorAddress
from thespian.system.transport import ReceiveEnvelope

from actors.transport import payload, stats
from actors.transport.delivery import Delivery, TransportSettings
from actors.transport.reactor import Reactor
from constellation.errors import WireError
from constellation.transport.address import NAME_PREFIX, ActorRef
from constellation.transport.envelope import ActorEnvelope

NEIGHBOURS_FROM = 1_000_000  # numbers of seats that actors of this process give, not its parent
POLL_EVERY = 64  # messages, at least; in between, files and timers wait
EARLY_ACTORS_MAX = 512
EARLY_MESSAGES_MAX = 64  # of each

Handler = Callable[[ReceiveEnvelope], object]


class Inbox:
    """What waits for one actor.  `handle` is None for the main actor: `Transport.run` has it."""

    def __init__(self, ref: ActorRef, loop: ActorLoop, *, takes_turns: bool = True) -> None:
        self.ref = ref
        self.takes_turns = takes_turns
        self.handle: Handler | None = None
        self.waiting: deque[ReceiveEnvelope] = deque()
        self.names: set[str] = set()  # that its actor has claimed
        self._loop = loop
        self._is_open = True

    def put(self, envelope: ReceiveEnvelope) -> None:
        """Queue a message; one for an actor that has ended is dropped."""
        if self._is_open:
            if not self.waiting and self.takes_turns:
                self._loop.ready.append(self)
            self.waiting.append(envelope)

    def close(self) -> None:
        """Drop what waits, and what still comes."""
        self._is_open = False
        self.waiting.clear()


class ActorLoop:
    """The inboxes of a process, and where their messages come from.

    A message may arrive before its actor is created, which takes a message too: it waits.  Numbers
    of seats grow, so a message for a lower one than the last is for an actor that has ended.
    """

    def __init__(
        self, settings: TransportSettings, actor_id: str, listener: socket.socket | None = None
    ) -> None:
        self.reactor = Reactor()
        self.ready: deque[Inbox] = deque()
        self._inboxes: dict[str, Inbox] = {}  # by actor id, and by '@name'
        self._handled = 0  # messages since the last poll
        self._poll_after = POLL_EVERY
        self._last_seat_no = 0
        self._neighbour_numbers = count(NEIGHBOURS_FROM)
        self.child_numbers = count(1)  # of all children that actors of this process create
        self._early: dict[str, Inbox] = {}  # of actors to be created, by actor id
        self._soon: deque[Callable[[], object]] = deque()
        self.delivery = Delivery(self.reactor, settings, actor_id, self._arrive, listener)

    def open(self, ref: ActorRef) -> Inbox:
        """Return a new inbox for the actor at `ref`, an address of this process."""
        early = self._early.pop(ref.actor_id, None)
        inbox = self._inboxes[ref.actor_id] = Inbox(ref, self)
        if ref.seat_no < NEIGHBOURS_FROM:
            self._last_seat_no = max(self._last_seat_no, ref.seat_no)
            # The order to create one before it was lost, and so its messages never will be handled.
            self._early = {
                key: one for key, one in self._early.items() if self._is_expected(one.ref)
            }
        for envelope in early.waiting if early is not None else ():
            inbox.put(envelope)
        return inbox

    def close(self, inbox: Inbox) -> None:
        """Forget an actor that has ended, and its names."""
        inbox.close()
        self._inboxes.pop(inbox.ref.actor_id, None)
        for name in inbox.names:
            key = f"{NAME_PREFIX}{name}"
            if self._inboxes.get(key) is inbox:  # no later actor has claimed it
                del self._inboxes[key]
                self.delivery.release_name(name)

    def claim_name(self, name: str, inbox: Inbox) -> None:
        """Let '@name' address the actor of `inbox`, on this node and from other nodes."""
        self._inboxes[f"{NAME_PREFIX}{name}"] = inbox
        inbox.names.add(name)
        self.delivery.claim_name(name)

    def next_neighbour(self) -> ActorRef:
        """Return the address of an actor that another of this process creates."""
        return self.delivery.ref.neighbour(next(self._neighbour_numbers))

    def find(self, ref: ActorRef) -> Inbox | None:
        """Return the inbox of an actor of this process; None if it is not one, or has ended."""
        return self._inboxes.get(ref.actor_id) if ref.node == self.delivery.ref.node else None

    def next(self) -> tuple[Inbox, ReceiveEnvelope] | None:
        """Take the next message of the next actor; None if none waits."""
        if self._handled >= self._poll_after:  # neighbours may write to one another without a pause
            self.poll(0.0)
        while self._soon:
            self._soon.popleft()()
        while self.ready:
            inbox = self.ready.popleft()
            if inbox.waiting:
                envelope = inbox.waiting.popleft()
                if inbox.waiting:
                    self.ready.append(inbox)
                self._handled += 1
                return inbox, envelope
        return None

    def poll(self, timeout_s: float | None) -> None:
        """Receive what has arrived; if nothing has, wait for it.

        What waits by then is handled before more is received.  So a sender that is faster than its
        receiver fills its own queue, not the memory of the receiver, which also catches up.
        """
        self.reactor.poll(timeout_s)
        self._handled = 0
        self._poll_after = max(POLL_EVERY, sum(len(inbox.waiting) for inbox in self.ready))

    def call_soon(self, call: Callable[[], object]) -> None:
        """Make a call in the thread of the loop.  May be called from any thread."""
        self._soon.append(call)
        self.reactor.wake()

    def _arrive(self, envelope: ActorEnvelope) -> None:
        try:
            sender = ActorRef.parse(envelope.sender)
            target = envelope.target_ref()
            inbox = self._inboxes.get(target.actor_id) or self._early_inbox(target, sender)
            if inbox is None:
                self._refuse(target, sender)
                return
            message = payload.decode(
                envelope.payload,
                source=sender,
                from_this_node=sender.node == self.delivery.ref.node,
            )
        except WireError as error:
            # The frame was complete, so the connection continues; only this message is lost.
            stats.refused(error.reason, source=envelope.sender, detail=str(error))
            return
        inbox.put(ReceiveEnvelope(ActorAddress(sender), message))

    def _refuse(self, target: ActorRef, sender: ActorRef) -> None:
        is_ours = sender.node == self.delivery.ref.node
        if is_ours and target.seat_no and not self._is_expected(target):
            stats.count("dropped", "actor_ended")  # it has just ended: as usual as a closed socket
        else:
            stats.refused("no_such_actor", source=str(sender), detail=str(target))

    def _is_expected(self, target: ActorRef) -> bool:
        """Return whether its parent may have ordered its creation, which has not arrived."""
        return self._last_seat_no < target.seat_no < NEIGHBOURS_FROM

    def _early_inbox(self, target: ActorRef, sender: ActorRef) -> Inbox | None:
        """Return where messages wait for an actor that is to be created; None if none is."""
        if sender.node != self.delivery.ref.node or not self._is_expected(target):
            return None
        early = self._early.get(target.actor_id)
        if early is None and len(self._early) < EARLY_ACTORS_MAX:
            early = self._early[target.actor_id] = Inbox(target, self, takes_turns=False)
        return early if early is not None and len(early.waiting) < EARLY_MESSAGES_MAX else None
