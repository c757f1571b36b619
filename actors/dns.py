"""DNS actor: wants the lease `dns-writer`, and keeps the zones in step while it holds it.

The provider's SDK is loaded by a process of its own, which runs only while the lease is held here.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
from datetime import UTC, datetime
from functools import partial

from thespian.actors import ActorAddress

from actors import node
from actors.adapters.address_source import ask_source
from actors.adapters.dns_credentials import provider_start
from actors.adapters.dns_metrics import DnsMetrics
from actors.adapters.dns_process import DnsProcess
from actors.async_shell import Reply
from actors.daemon_thread import in_thread
from actors.lease_holder import AsyncLeaseHolderShell, WriteAbandonedError
from constellation.cluster_view import ClusterView
from constellation.dns.budget import BudgetPolicy
from constellation.dns.departed import is_settled
from constellation.dns.desired import desired_records
from constellation.dns.plan import Row
from constellation.dns.public_address import FAMILIES, AddressFinder, AddressRules
from constellation.dns.refusals import ANSWER_TIMEOUT_S, NOBODY_WRITES, TOO_MANY, silent
from constellation.dns.reporting import Reporter, address_troubles, troubles
from constellation.dns.writer import DnsWriter
from constellation.dns.zone_writer import Effect, RoundDone
from constellation.effects import Note
from constellation.leases.policy import DNS_WRITER, LB_LEADER
from constellation.leases.view import NO_LEASES, LeaseView
from constellation.log import get_logger
from messages.base import Message
from messages.dns import (
    DnsAsked,
    DnsDemand,
    DnsReport,
    DnsRequest,
    DnsTold,
    PublicAddressesReported,
)
from messages.dns_calls import DnsAnswer, DnsCall, DnsCallFailed, DnsChange
from messages.events import ChangeReported, EventName
from messages.gossip import ClusterChanged
from messages.leases import LeasesChanged, LeaseTableState
from messages.operator import RequestRefused
from messages.raft_member import LeasesSubscribe, RaftLeading
from messages.wellness import TROUBLES_MAX, Trouble, TroublesReported

log = get_logger(__name__)

ADMIN = "admin"
RAFT = "raft"
CALL_TIMEOUT_S = 40.0  # a name server transfers a whole zone; each provider has shorter ones
ADDRESS_RETRY_S = 30.0  # while no address is known
ROUNDS_TIMEOUT_S = 10.0  # an operator who wants a comparison waits so long for it
QUESTIONS_MAX = 64
_UNCONFIRMED = DnsCallFailed(
    failure="transient",
    why="the cluster did not confirm that this node holds the lease dns-writer",
    code="unconfirmed",
)
_ABANDONED = DnsCallFailed(
    failure="uncertain",
    why="a change took longer than the lease dns-writer; it may have been made or not",
    code="abandoned",
)


class DnsActor(AsyncLeaseHolderShell):
    """Translate the state of the cluster to calls of the provider."""

    services_followed = "none"

    def on_start(self) -> None:
        super().on_start()
        self.follow_cluster()

    async def run(self) -> None:
        settings = node.settings()
        self._writer = DnsWriter(
            {zone.name: zone.id for zone in settings.dns.zones},
            settings.dns.mark(settings.domain),
            settings.dns.policy(),
            BudgetPolicy(),
            random.Random(),  # noqa: S311 - jitter
            self.now_s(),
        )
        self._finder = AddressFinder(
            AddressRules(settings.dns.addresses_refused), settings.dns.address_sources_agreeing
        )
        self._reporter = Reporter()
        self._metrics = DnsMetrics(self.registry)
        self._leases: LeaseView = NO_LEASES
        self._known_at_s = math.inf  # since when the cluster is known
        self._wish_problems: tuple[str, ...] = ()
        self._process = DnsProcess(lambda: provider_start(settings))
        self._due = asyncio.Event()  # something may be due sooner than was thought
        self._at_rest = asyncio.Event()  # no change is under way
        self._at_rest.set()
        self._round_ended = asyncio.Event()
        self._asked: dict[int, tuple[str, asyncio.Future[DnsReport]]] = {}
        self._asked_count = 0
        self._troubles: tuple[Trouble, ...] = ()
        self.started()
        if settings.dns.writer:
            self.want_lease(DNS_WRITER)
        try:
            await asyncio.gather(self._write_for_ever(), self._find_addresses_for_ever())
        finally:
            await self._process.close()

    # The lease.

    async def on_lease_acquired(self, name: str, fencing_token: int) -> None:
        self._wish()
        self._writer.granted(fencing_token, self.now_s())
        self._due.set()
        self._report()

    async def on_lease_lost(self, name: str, fencing_token: int, why: str) -> None:
        """Stop, after a change that is under way: it has a permit, and a time limit."""
        self._writer.ended()
        try:
            await self._at_rest.wait()
        finally:  # also if another node may write by now
            await self._process.close()
        self._report()

    # What the records follow from.

    def on_actor_up_async(self, name: str) -> None:
        if name == RAFT:
            self._leases = NO_LEASES
            self.post_soon(RAFT, LeasesSubscribe())
        if name == ADMIN:
            self._post_troubles()
            self._post_addresses()

    def on_cluster_changed_async(self, view: ClusterView, change: ClusterChanged) -> None:
        if math.isinf(self._known_at_s) and view.known:
            self._known_at_s = self.now_s()
        if change.snapshot or change.members or change.nodes or change.removed:
            self._wish_if_writing()

    def receiveMsg_DnsTold(self, message: DnsTold, sender: ActorAddress) -> None:
        if self.is_at(message.report.writer, sender):  # else it speaks for another node
            self.receiveUnrecognizedMessage(message, sender)

    def on_message(self, message: Message, reply: Reply) -> None:
        match message:
            case LeaseTableState():
                self._leases = self._leases.with_table(message)
                self._wish_if_writing()
            case LeasesChanged():
                self._leases = self._leases.with_changes(message)
                self._wish_if_writing()
            case RaftLeading(leader=leader):
                self._leases = self._leases.with_leader(leader)
            case DnsRequest(demand=demand):
                self.spawn(self._answer(demand, reply), "answer")
            case DnsAsked(number=number, demand=demand):
                self.spawn(self._tell(number, demand, reply), "tell")
            case DnsTold(number=number, report=report):
                self._told(number, report)
            case _:
                super().on_message(message, reply)

    def _wish_if_writing(self) -> None:
        if self._writer.token is not None:
            self._wish()

    def _wish(self) -> None:
        """Tell the writer what is wanted now."""
        settings, now_s = node.settings(), self.now_s()
        leader = self._leases.holder(LB_LEADER)
        wanted = desired_records(
            self.view,
            leader,
            settings.dns,
            settings.domain,
            is_settled=is_settled(self.view, now_s - self._known_at_s),
        )
        self._wish_problems = wanted.problems
        self._writer.wants(wanted.zones, self.view, now_s)
        self._due.set()

    # This node's public addresses.

    async def _find_addresses_for_ever(self) -> None:
        """Ask the sources, unless the settings have the addresses."""
        dns = node.settings().dns
        while not dns.addresses:
            asked = [
                in_thread(partial(ask_source, url, family))
                for url in dns.address_sources
                for family in FAMILIES
            ]
            said = await asyncio.gather(*asked)
            before = self._finder.addresses
            self._finder.asked(said, self._egresses())
            if self._finder.addresses != before:
                fields = {"before": before, "after": self._finder.addresses}
                log.info("public_addresses_changed", **fields)
                self._post_addresses()
            self._report()
            is_known = bool(self._finder.addresses)
            wait_s = dns.address_interval_s if is_known else ADDRESS_RETRY_S
            await asyncio.sleep(min(wait_s, dns.address_interval_s))

    def _egresses(self) -> set[str]:
        """Return the addresses at which the WARP gateways of the cluster come out."""
        return {state.egress_ip for nodes in self.view.warps.values() for state in nodes.values()}

    def _post_addresses(self) -> None:
        addresses = node.settings().dns.addresses or self._finder.addresses
        self.post_soon(ADMIN, PublicAddressesReported(addresses=addresses))

    # Writing.

    async def _write_for_ever(self) -> None:
        while True:
            call = self._writer.next_call(self.now_s())
            if call is None:
                await self._wait()
                continue
            began_at_s = self.now_s()
            answer = await self._make(call)
            self._metrics.called(call, answer, self.now_s() - began_at_s)
            for effect in self._writer.answered(answer, self.now_s()):
                self._perform(effect)
            self._report()

    async def _wait(self) -> None:
        """Return when a call may be due."""
        wait_s = self._writer.next_due_s(self.now_s()) - self.now_s()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if math.isinf(wait_s) else max(0.0, wait_s)):
                await self._due.wait()
        self._due.clear()

    async def _make(self, call: DnsCall) -> DnsAnswer:
        if not isinstance(call, DnsChange):
            return await self._process.call(call, CALL_TIMEOUT_S)
        self._at_rest.clear()
        try:
            return await self._change(call)
        finally:
            self._at_rest.set()

    async def _change(self, call: DnsChange) -> DnsAnswer:
        """Make a change while the cluster confirms that the lease is held here, and not longer."""
        try:
            async with self.lease_write(DNS_WRITER, confirmed=True) as permit:
                if permit is None or permit.fencing_token != self._writer.token:
                    return _UNCONFIRMED
                return await self._process.call(call, CALL_TIMEOUT_S)
        except WriteAbandonedError:
            return _ABANDONED

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Note():
                self.perform(effect)
            case RoundDone():
                self._metrics.planned(effect)
                self._wish_if_writing()  # time may have settled what is known of the cluster
                for row in self._reporter.done(effect, self.now_s()):
                    self._say(effect, row)

    def _say(self, done: RoundDone, row: Row) -> None:
        """Log a change, and add it to the events of this node."""
        fields = {"zone": done.zone, "name": row.name, "type": row.type, "action": row.action}
        texts = {"before": row.before, "after": row.after, "why": row.why}
        log.info("dns_record_changed", **fields, **texts)
        what: EventName = "dns_drift" if done.is_drift else "dns_changed"
        reason = f"{row.action} {row.type} {row.before} -> {row.after}: {row.why}"
        report = ChangeReported(
            what=what,
            node=node.settings().node_name,
            subject=row.name[:128],
            reason=reason[:512],
        )
        self.post_soon(ADMIN, report)

    # What operators are told.

    async def _answer(self, demand: DnsDemand, reply: Reply) -> None:
        """Answer an operator: this node if it writes, or else the one that does."""
        own_node, writer = node.settings().node_name, self._leases.holder(DNS_WRITER)
        if self._writer.token is not None:
            reply(await self._own_report(demand))
        elif not writer or writer == own_node:
            reply(NOBODY_WRITES)
        else:
            reply(await self._report_of(writer, demand))

    async def _report_of(self, writer: str, demand: DnsDemand) -> DnsReport | RequestRefused:
        if len(self._asked) >= QUESTIONS_MAX:
            return TOO_MANY
        self._asked_count += 1
        number, loop = self._asked_count, asyncio.get_running_loop()
        answer: asyncio.Future[DnsReport] = loop.create_future()
        self._asked[number] = (writer, answer)
        self.send_to_soon(writer, self.name, DnsAsked(number=number, demand=demand))
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                report = await answer
        except TimeoutError:
            return silent(writer)
        finally:
            del self._asked[number]
        return NOBODY_WRITES if report.fencing_token is None else report

    async def _tell(self, number: int, demand: DnsDemand, reply: Reply) -> None:
        reply(DnsTold(number=number, report=await self._own_report(demand)))

    def _told(self, number: int, report: DnsReport) -> None:
        writer, answer = self._asked.get(number, ("", None))
        if answer is not None and writer == report.writer and not answer.done():
            answer.set_result(report)

    async def _own_report(self, demand: DnsDemand) -> DnsReport:
        """Return what this node knows, after the comparison that an operator wants."""
        if demand != "show" and self._writer.token is not None:
            self._writer.look_now(demand, self.now_s())
            self._due.set()
            with contextlib.suppress(TimeoutError):  # what is known by then is told
                async with asyncio.timeout(ROUNDS_TIMEOUT_S):
                    await self._looked()
        settings = node.settings()
        return self._reporter.report(
            self._writer,
            own_node=settings.node_name,
            leader=self._leases.holder(LB_LEADER),
            mode=settings.dns.mode,
            problems=self._wish_problems,
            now_s=self.now_s(),
        )

    async def _looked(self) -> None:
        """Return when every zone has had the round that an operator wants."""
        while self._writer.is_looking:
            self._round_ended.clear()
            await self._round_ended.wait()

    def _report(self) -> None:
        """Set the gauges, and report what does not work if that has changed."""
        self._round_ended.set()
        now_s = self.now_s()
        self._metrics.report(self._writer, now_s, datetime.now(UTC).timestamp())
        found = (
            *address_troubles(self._finder.problem),
            *troubles(self._writer, self._wish_problems),
        )
        if found[:TROUBLES_MAX] != self._troubles:
            self._troubles = found[:TROUBLES_MAX]
            self._post_troubles()

    def _post_troubles(self) -> None:
        report = TroublesReported(actor=self.name, troubles=self._troubles)
        self.post_soon(ADMIN, report)
