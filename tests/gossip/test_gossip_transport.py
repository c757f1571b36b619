"""The sockets of a member: records reach readers at once; what counts as a refusal."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from random import Random

import pytest
import uvloop

from actors.adapters.gossip_transport import GossipTransport
from constellation.gossip.datagram import GossipEnvelope
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.outbox import Effect, OpenTcpPing
from constellation.gossip.policy import GossipPolicy, SwimPolicy
from constellation.gossip.security import Keyring, derive_gossip_key
from messages.gossip import RecordPublish
from messages.monitor import ServiceState
from rigs.ports import free_port
from tests.identities import identity_of

# So slow that only the record's own packet can deliver it.
SLOW = SwimPolicy(probe_interval_s=60.0, push_pull_interval_s=60.0, rejoin_interval_s=60.0)


class Member:
    """One member on loopback, and what its reader has received."""

    def __init__(self, name: str, port: int) -> None:
        self.node = GossipNode(
            identity=identity_of(name),
            address=Address("127.0.0.1", port),
            policy=GossipPolicy(SLOW),
            random=Random(1),
            incarnation=1,
            now_s=asyncio.get_running_loop().time(),
        )
        self.heard_of: set[str] = set()
        self.heard = asyncio.Event()
        keyring = Keyring((derive_gossip_key(b"k" * 32),))
        self.transport = GossipTransport(
            self.node,
            GossipEnvelope(keyring),
            tcp_timeout_s=5.0,
            observe=lambda effect: None,
            stepped=self._stepped,
        )

    def _stepped(self) -> None:
        if self.node.has_changes:
            change = self.node.take_changes(asyncio.get_running_loop().time())
            self.heard_of |= {item.state.service for item in change.services}
            self.heard_of |= {member.node for member in change.members}
            self.heard.set()

    async def start(self, *seeds: Address) -> None:
        self.node.set_seeds(seeds)
        await self.transport.open_sockets(self.node.address)
        self.transport.perform(self.node.start(asyncio.get_running_loop().time()))

    async def hears_of(self, what: str) -> None:
        async with asyncio.timeout(2.0):
            while what not in self.heard_of:
                self.heard.clear()
                await self.heard.wait()


@pytest.mark.integration
def test_reader_receives_a_record_as_soon_as_its_packet_arrives() -> None:
    async def scenario() -> None:
        alpha, beta = Member("alpha", free_port()), Member("beta", free_port())
        await alpha.start()
        await beta.start(alpha.node.address)
        try:
            await beta.hears_of("alpha")
            await alpha.hears_of("beta")
            state = ServiceState(service="web", health="healthy", source="static", instance="x")
            now_s = asyncio.get_running_loop().time()
            alpha.transport.perform(
                alpha.node.publish(RecordPublish(service_states=(state,)), now_s)
            )

            await beta.hears_of("web")
        finally:
            await alpha.transport.close_sockets()
            await beta.transport.close_sockets()

    asyncio.run(scenario())


@pytest.mark.integration
def test_timer_never_fires_before_something_is_due() -> None:
    early: list[float] = []

    async def scenario() -> None:
        alpha = Member("alpha", free_port())
        alpha.node.swim.policy = SwimPolicy(gossip_interval_s=0.0133)  # rounds down
        on_time = alpha.node.on_time

        def watched(now_s: float) -> list[Effect]:
            due_s = alpha.node.next_due_s
            assert due_s is not None
            if due_s > now_s:
                early.append(due_s - now_s)
            return on_time(now_s)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(alpha.node, "on_time", watched)
            await alpha.start()
            await asyncio.sleep(0.5)
            await alpha.transport.close_sockets()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())

    assert early == []


@contextlib.contextmanager
def overloaded(port: int) -> Iterator[None]:
    """Listen on a port without accepting, with a queue that is full."""
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(socket.create_server(("127.0.0.1", port), backlog=0))
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listening.getsockname())
        yield


@pytest.mark.integration
@pytest.mark.parametrize(
    ("what", "of_target"),
    [("refused", contextlib.nullcontext), ("silent", overloaded)],
    ids=["port is closed", "queue is full"],
)
def test_only_a_closed_port_is_a_refusal(
    what: str, of_target: Callable[[int], contextlib.AbstractContextManager[None]]
) -> None:
    async def outcome(port: int) -> str:
        member, refused = Member("alpha", free_port("127.0.0.1")), asyncio.Event()

        def on_refused(seq_no: int, now_s: float) -> list[Effect]:
            assert seq_no == 7
            refused.set()
            return []

        await member.start()
        member.node.on_tcp_refused = on_refused  # type: ignore[method-assign]
        deadline_s = asyncio.get_running_loop().time() + 0.3
        ping = OpenTcpPing(Address("127.0.0.1", port), "beta", 7, deadline_s)
        member.transport.perform([ping])
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(refused.wait(), 0.4)
        await member.transport.close_sockets()
        return "refused" if refused.is_set() else "silent"

    target = free_port("127.0.0.1")
    with of_target(target), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(outcome(target)) == what
