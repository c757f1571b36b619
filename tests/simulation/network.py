"""A cluster of gossip nodes in one process: virtual clock, lossy network, one seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from random import Random

from constellation.effects import Note
from constellation.gossip import packets
from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.identity import Identity
from constellation.gossip.member import Address
from constellation.gossip.outbox import Effect, OpenPushPull, OpenTcpPing, SendDatagram, SendStream
from constellation.gossip.packets import Ack
from constellation.gossip.policy import GossipPolicy
from constellation.gossip.security import OVERHEAD_BYTES
from constellation.gossip.stream import StreamMessage, UserStream, encode_stream
from tests.identities import identity_of

TCP_RETRANSMIT_S = 0.25  # time after which a lost segment is sent again
TCP_TRIES_MAX = 8


class SimNetwork:
    """Nodes by address, and everything in flight between them."""

    def __init__(self, *, seed: int, loss: float = 0.0, trip_s: float = 0.001) -> None:
        self.random = Random(seed)
        self.loss = loss
        self.trip_s = trip_s  # round trip
        self.duplication = 0.01
        self.now_s = 0.0
        self.nodes: dict[str, GossipNode] = {}
        self.notes: list[tuple[float, str, Note]] = []
        self.packets_sent: Counter[str] = Counter()  # UDP packets, by sender
        self.bytes_sent: Counter[str] = Counter()  # payload of UDP and TCP, by sender
        self._sides: dict[str, int] = {}
        self._cuts: set[tuple[str, str]] = set()
        self._udp_cuts: set[tuple[str, str]] = set()
        self._rejects: set[tuple[str, str]] = set()  # by a firewall
        self._up_without_node: set[str] = set()  # hosts that refuse connections; others are silent
        self._starved_until_s: dict[str, float] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._wakes: dict[str, float] = {}

    def start(  # noqa: PLR0913 - each by name
        self,
        name: str,
        ip: str,
        *seeds: str,
        policy: GossipPolicy | None = None,
        life: int = 1,
        key: str = "",
        known: Iterable[Address] = (),
        identity: Identity | None = None,
    ) -> GossipNode:
        node = GossipNode(
            identity=identity or identity_of(name, key=key),
            address=Address(ip, 7946),
            policy=policy or GossipPolicy(),
            random=Random(self.random.random()),
            incarnation=life,
            now_s=self.now_s,
        )
        node.set_seeds(tuple(Address(seed, 7946) for seed in seeds))
        self.nodes[ip] = node
        self._up_without_node.discard(ip)
        self.perform(ip, node.start(self.now_s, known=known))
        return node

    def kill(self, ip: str, *, host_is_up: bool = False) -> None:
        """End a node, and its host unless that stays up: then it refuses connections."""
        del self.nodes[ip]
        if host_is_up:
            self._up_without_node.add(ip)

    def split(self, *sides: set[str]) -> None:
        self._sides = {ip: index for index, side in enumerate(sides) for ip in side}

    def cut(self, ip: str, to: str) -> None:
        """Block one direction between two nodes."""
        self._cuts.add((ip, to))

    def cut_udp(self, ip: str, to: str) -> None:
        """Block UDP in one direction between two nodes; TCP passes."""
        self._udp_cuts.add((ip, to))

    def reject(self, ip: str, to: str) -> None:
        """Let the firewall of `to` refuse all that comes from `ip`."""
        self._rejects.add((ip, to))

    def heal(self) -> None:
        self._sides = {}
        self._rejects.clear()
        self._cuts.clear()
        self._udp_cuts.clear()

    def starve(self, ip: str, seconds: float) -> None:
        """Suspend a node: its packets and timers wait."""
        self._starved_until_s[ip] = self.now_s + seconds

    def _resumes_at_s(self, ip: str) -> float | None:
        """Return when a suspended node resumes; None if it runs."""
        until_s = self._starved_until_s.get(ip, self.now_s)
        return until_s if until_s > self.now_s else None

    def run(self, seconds: float, until: Callable[[], bool] | None = None) -> bool:
        """Advance the clock; return True as soon as `until` holds."""
        end_s = self.now_s + seconds
        while self._events and self._events[0][0] <= end_s:
            self.now_s, _, work = heappop(self._events)
            work()
            if until is not None and until():
                return True
        self.now_s = end_s
        return until is not None and until()

    def perform(self, ip: str, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case SendDatagram(to, parts):
                    body = packets.compound(parts)
                    self.packets_sent[ip] += 1
                    self.bytes_sent[ip] += len(body) + OVERHEAD_BYTES
                    self._send(ip, to, body)
                case OpenTcpPing():
                    self._tcp_ping(ip, effect)
                case OpenPushPull(to, join):
                    self._push_pull(ip, to, join)
                case SendStream(to, body):
                    self._send_stream(ip, to, body)
                case Note():
                    self.notes.append((self.now_s, ip, effect))
                case _:
                    pass
        self._arm(ip)

    def _send(self, ip: str, to: Address, body: bytes) -> None:
        def step(node: GossipNode) -> list[Effect]:
            return node.on_packet(body, Address(ip, 7946), self.now_s)

        for _ in range(1 + (self.random.random() < self.duplication)):
            if self.random.random() >= self.loss and (ip, to.ip) not in self._udp_cuts:
                self._carry(ip, to, step)

    def _send_stream(self, ip: str, to: Address, body: bytes) -> None:
        self._count_stream(ip, UserStream(body))
        self._carry(ip, to, lambda node: node.on_user_stream(body, self.now_s), tcp=True)

    def _count_stream(self, ip: str, message: StreamMessage) -> None:
        self.bytes_sent[ip] += len(encode_stream(message)) + OVERHEAD_BYTES

    def _arm(self, ip: str) -> None:
        node = self.nodes.get(ip)
        due_s = node.next_due_s if node else None
        if due_s is None or self._wakes.get(ip, -1.0) == due_s:
            return
        self._wakes[ip] = due_s

        def wake() -> None:
            resumes_at_s = self._resumes_at_s(ip)
            if resumes_at_s is not None:
                self._at(resumes_at_s, wake)
            elif self.nodes.get(ip) is node and node is not None and self._wakes.get(ip) == due_s:
                self._wakes.pop(ip)
                self.perform(ip, node.on_time(self.now_s))

        self._at(max(due_s, self.now_s), wake)

    def _at(self, due_s: float, work: Callable[[], None]) -> None:
        heappush(self._events, (due_s, next(self._numbers), work))

    def _reaches(self, ip: str, to: Address) -> bool:
        joined = self._sides.get(ip) == self._sides.get(to.ip)
        is_stopped = (ip, to.ip) in self._cuts or (ip, to.ip) in self._rejects
        return to.ip in self.nodes and joined and not is_stopped

    def _refuses(self, ip: str, to: Address) -> bool:
        joined = self._sides.get(ip) == self._sides.get(to.ip) and (ip, to.ip) not in self._cuts
        return joined and ((ip, to.ip) in self._rejects or to.ip in self._up_without_node)

    def _carry(
        self, ip: str, to: Address, step: Callable[[GossipNode], list[Effect]], *, tcp: bool = False
    ) -> None:
        delay_s = self._tcp_delay_s() if tcp else self._delay_s()
        if delay_s is None:
            return

        def arrive() -> None:
            resumes_at_s = self._resumes_at_s(to.ip)
            if not self._reaches(ip, to):
                return
            if resumes_at_s is not None:
                self._at(resumes_at_s, arrive)
                return
            self.perform(to.ip, step(self.nodes[to.ip]))

        self._at(self.now_s + delay_s, arrive)

    def _delay_s(self) -> float:
        return self.trip_s / 2 * self.random.uniform(0.8, 1.2)

    def _tcp_delay_s(self) -> float | None:
        """Return the delay of handshake and data with retransmissions; None if TCP gives up."""
        delay_s = 0.0
        for _ in range(2):
            for _ in range(TCP_TRIES_MAX):
                delay_s += self._delay_s()
                if self.random.random() >= self.loss:
                    break
                delay_s += TCP_RETRANSMIT_S
            else:
                return None
        return delay_s

    def _tcp_ping(self, ip: str, ping: OpenTcpPing) -> None:
        there_s, back_s = self._tcp_delay_s(), self._tcp_delay_s()
        if there_s is not None and self._refuses(ip, ping.to):
            self._refuse(ip, ping, self.now_s + there_s)
            return
        if there_s is None or back_s is None or self.now_s + there_s + back_s > ping.deadline_s:
            return

        def answer() -> None:
            back = Address(ip, 0)
            reached = self._reaches(ip, ping.to) and self._reaches(ping.to.ip, back)
            runs = not any(map(self._resumes_at_s, (ip, ping.to.ip)))
            if reached and runs and self.nodes[ping.to.ip].answers_to(ping.node):
                self.perform(ip, self.nodes[ip].on_tcp_ack(Ack(ping.seq_no), self.now_s))

        self._at(self.now_s + there_s + back_s, answer)

    def _refuse(self, ip: str, ping: OpenTcpPing, at_s: float) -> None:
        """Tell a node that is not suspended; a refusal that is too late is none."""
        node = self.nodes[ip]

        def refused() -> None:
            resumes_at_s = self._resumes_at_s(ip)
            if resumes_at_s is not None:
                self._at(resumes_at_s, refused)
            elif self.nodes.get(ip) is node and self.now_s <= ping.deadline_s:
                self.perform(ip, node.on_tcp_refused(ping.seq_no, self.now_s))

        self._at(at_s, refused)

    def _push_pull(self, ip: str, to: Address, join: bool) -> None:
        request = self.nodes[ip].push_pull_request(to, join=join)
        self._count_stream(ip, request)

        def serve(node: GossipNode) -> list[Effect]:
            reply, effects = node.on_push_pull_request(request, self.now_s)
            self._count_stream(to.ip, reply)
            back = lambda n: n.on_push_pull_reply(reply, to, self.now_s)  # noqa: E731
            self._carry(to.ip, Address(ip, 7946), back, tcp=True)
            return effects

        self._carry(ip, to, serve, tcp=True)
