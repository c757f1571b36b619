"""Gossip members of ours in one process, driven by lines on stdin; see `bench.gossip`.

Each member is what `actors.gossip` runs: a `GossipNode` with its sockets on a uvloop loop.  Its
changes are taken after each step, and its known addresses are read once a second.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from random import SystemRandom
from secrets import token_bytes
from typing import Any

import uvloop

from actors.adapters.gossip_transport import GossipTransport
from actors.gossip import HOUSEKEEPING_S
from constellation.effects import Note
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.identity import PRIVATE_KEY_BYTES, Identity
from constellation.gossip.member import Address
from constellation.gossip.outbox import Effect, MemberChanged, ProbeEnded
from constellation.gossip.security import Keyring, derive_gossip_key
from constellation.settings.gossip import GossipSettings
from messages.gossip import RecordPublish
from messages.monitor import ServiceState

TIMEOUT_S = 60.0
UPDATE_LIMIT_S = 3.0
KEY = derive_gossip_key(b"benchmark" * 4)


class Transport(GossipTransport):
    """The sockets of a member that can vanish: then nothing leaves and nothing arrives.

    Connections to it stay without an answer, as if its host had lost power.
    """

    is_gone = False

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        if not self.is_gone:
            super().datagram_received(data, addr)

    def perform(self, effects: list[Effect]) -> None:
        if not self.is_gone:
            super().perform(effects)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_gone:
            await asyncio.sleep(TIMEOUT_S)
        await super()._serve(reader, writer)


class Member:
    """One member; `on_update` and `on_dead` receive its name and what it has learned."""

    def __init__(
        self,
        name: str,
        address: Address,
        on_update: Callable[[str, str], None],
        on_dead: Callable[[str, str], None],
    ) -> None:
        self.name = name
        settings, envelope = GossipSettings(), GossipEnvelope(Keyring((KEY,)))
        self.node = GossipNode(
            identity=Identity(name, token_bytes(PRIVATE_KEY_BYTES)),
            address=address,
            policy=settings.policy(overhead_bytes=envelope.overhead_bytes),
            random=SystemRandom(),
            incarnation=1,
            now_s=_now_s(),
        )
        self.transport = Transport(
            self.node,
            envelope,
            tcp_timeout_s=settings.tcp_timeout_s,
            observe=self._observe,
            stepped=self._stepped,
        )
        self._on_update, self._on_dead = on_update, on_dead
        self._housekeeping: asyncio.Task[None] | None = None

    @property
    def bytes_out(self) -> int:
        """The payload sent so far, over UDP and TCP."""
        return self.transport.counts["sent_bytes"] + self.transport.counts["stream_sent_bytes"]

    @property
    def alive_count(self) -> int:
        """How many members it sees alive, including itself."""
        return sum(member.state == "alive" for member in self.node.swim.members)

    async def open(self, seed: Address) -> None:
        """Join through `seed`."""
        self.node.set_seeds((seed,))
        await self.transport.open_sockets(self.node.address)
        self.transport.perform(self.node.start(_now_s()))
        self._housekeeping = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """End at once, without a leave."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        await self.transport.close_sockets()

    async def vanish(self) -> None:
        """Be silent from now on."""
        if self._housekeeping is not None:
            self._housekeeping.cancel()
        self.transport.is_gone = True

    def publish(self, text: str) -> None:
        """Publish the service with the instance `text`."""
        state = ServiceState(service="web", health="healthy", source="static", instance=text)
        message = RecordPublish(service_states=(state,))
        self.transport.perform(self.node.publish(message, _now_s()))

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(HOUSEKEEPING_S)
            assert self.node.known_addresses is not None

    def _observe(self, effect: Note | MemberChanged | ProbeEnded) -> None:
        if isinstance(effect, MemberChanged):
            member = self.node.swim.members.get(effect.name)
            if member is not None and member.state == "dead":
                self._on_dead(self.name, effect.name)

    def _stepped(self) -> None:
        if self.node.has_changes:
            for service in self.node.take_changes(_now_s()).services:
                self._on_update(self.name, service.state.instance)


class Members:
    """All members, and those for which the current command still waits."""

    def __init__(self, network: str, port: int, count: int) -> None:
        self._members = {
            f"member-{index}": Member(
                f"member-{index}",
                Address(f"{network}.{index + 1}", port),
                self._on_heard,
                self._on_heard,
            )
            for index in range(count)
        }
        self._gone: list[Member] = []
        self._waits_for: set[str] = set()
        self._what = ""
        self._all_heard = asyncio.Event()
        self._last_s = 0.0
        self._update_count = 0

    async def start(self) -> str:
        """Start all; return the seconds until each sees all others alive."""
        began_s = time.monotonic()
        seed = self._members["member-0"].node.address
        for member in self._members.values():
            await member.open(seed)
        while any(m.alive_count < len(self._members) for m in self._members.values()):
            if time.monotonic() - began_s > TIMEOUT_S:
                raise TimeoutError("not all members joined")
            await asyncio.sleep(0.01)
        return f"{time.monotonic() - began_s:.6f}"

    async def update(self, index: int) -> str:
        """Publish at one member; return the seconds until the last other has it, or the limit."""
        self._update_count += 1
        member, text = self._members[f"member-{index}"], f"update-{self._update_count}"
        began_s = self._wait_for(text, member.name)
        member.publish(text)
        try:
            return await self._seconds_since(began_s, UPDATE_LIMIT_S)
        except TimeoutError:
            return f"{UPDATE_LIMIT_S:.6f}"

    async def kill(self, index: int) -> str:
        """Stop one member; return the seconds until all others have declared it dead."""
        return await self._lose(index, Member.stop)

    async def vanish(self, index: int) -> str:
        """Silence one member; return the seconds until all others have declared it dead."""
        return await self._lose(index, Member.vanish)

    async def _lose(self, index: int, end: Callable[[Member], Awaitable[None]]) -> str:
        member = self._members.pop(f"member-{index}")
        self._gone.append(member)
        began_s = self._wait_for(member.name, member.name)
        await end(member)
        return await self._seconds_since(began_s, TIMEOUT_S)

    async def idle(self, seconds: float) -> str:
        """Return the bytes per second and the CPU share of one member over some time."""
        began_s, cpu_s, sent = time.monotonic(), time.process_time(), self._bytes_out()
        await asyncio.sleep(seconds)
        took_s = (time.monotonic() - began_s) * len(self._members)
        sent, cpu_s = self._bytes_out() - sent, time.process_time() - cpu_s
        return f"{sent / took_s:.6f} {cpu_s / took_s:.8f}"

    def _bytes_out(self) -> int:
        return sum(member.bytes_out for member in self._members.values())

    def _wait_for(self, what: str, but: str) -> float:
        self._what, self._waits_for = what, self._members.keys() - {but}
        self._all_heard.clear()
        return time.monotonic()

    def _on_heard(self, name: str, what: str) -> None:
        if what == self._what and name in self._waits_for:
            self._waits_for.remove(name)
            if not self._waits_for:
                self._last_s = time.monotonic()
                self._all_heard.set()

    async def _seconds_since(self, began_s: float, limit_s: float) -> str:
        async with asyncio.timeout(limit_s):
            await self._all_heard.wait()
        return f"{self._last_s - began_s:.6f}"


async def answer_lines(network: str, port: int, count: int) -> None:
    """Answer each command with one line, until `quit` or the end of input."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin
    )
    members = Members(network, port, count)
    while words := (await lines.readline()).decode().split():
        match words:
            case ["start"]:
                answer = await members.start()
            case ["update", index]:
                answer = await members.update(int(index))
            case ["kill", index]:
                answer = await members.kill(int(index))
            case ["vanish", index]:
                answer = await members.vanish(int(index))
            case ["idle", seconds]:
                answer = await members.idle(float(seconds))
            case _:
                return
        print(answer, flush=True)


def main() -> None:
    """Run `COUNT` members on `NETWORK`.1, .2 and so on, all at `PORT`."""
    network, port, count = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(answer_lines(network, int(port), int(count)))


def _now_s() -> float:
    return asyncio.get_running_loop().time()


if __name__ == "__main__":
    main()
