"""Cordons: this node's own, which it keeps on its disk, and orders for any node."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.adapters.bounded_save import BoundedSave
from actors.adapters.cordon_file import FILE_NAME, load_cordon, save_cordon
from actors.admin.desk import Desk
from actors.admin.record import RecordDesk
from actors.admin.shell import AdminShell
from constellation.admin.cordon import Cordon
from constellation.admin.cordon_round import CordonRound, Effect, PassOn
from constellation.admin.round import Answer, Unexpected
from constellation.errors import AdapterError
from constellation.log import get_logger
from messages.admin import CordonChange, CordonChanged, CordonOrder, PartReported

log = get_logger(__name__)

PART = "cordon"
RETRY_S = 2.0
TEXT_CHARACTERS_MAX = 512


class CordonDesk(Desk):
    """Carry out orders for this node, and pass on those for others."""

    def __init__(self, shell: AdminShell, record: RecordDesk) -> None:
        super().__init__(shell)
        self._record = record
        self._round = CordonRound(shell.own_node)
        self._cordon = Cordon()
        self._has_failed = False  # to read or to write its file
        self._retry_at_s: float | None = None  # when to write it again; None: no write has failed
        self._path = Path(node.settings().data_dir) / FILE_NAME
        self._saving = BoundedSave(str(self._path))
        self._cordoned = Gauge(
            "constellation_admin_cordoned",
            "1 while this node is cordoned",
            registry=shell.registry,
        )
        try:
            self._cordon = load_cordon(self._path)
        except AdapterError as error:  # without it the node serves, and reports the failure
            self._failed("cordon_not_read", error)
        self._cordoned.set(self._cordon.cordoned)
        record.cordon = self._cordon  # published when gossip starts

    def next_due_s(self) -> float:
        retry_at_s = math.inf if self._retry_at_s is None else self._retry_at_s
        return min(self._round.next_due_s, retry_at_s)

    def on_due(self, now_s: float) -> None:
        self._perform(self._round.tick(self.shell.view, now_s))
        if self._retry_at_s is not None and now_s >= self._retry_at_s:
            self._save_again(now_s)

    def _save_again(self, now_s: float) -> None:
        """Write what holds.  The write that failed may have left the refused order on the disk."""
        try:
            self._save(self._cordon)
        except AdapterError:
            self._retry_at_s = now_s + RETRY_S
        else:
            self._saved()
            log.info("cordon_saved_again", cordoned=self._cordon.cordoned)

    def _save(self, cordon: Cordon) -> None:
        self._saving.run(lambda: save_cordon(self._path, cordon))

    # Orders for any node.

    def receiveMsg_CordonOrder(self, message: CordonOrder, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        if self.shell.knows_cluster(sender):
            asker, view = self.shell.address_text(sender), self.shell.view
            self._perform(self._round.ordered(asker, message, view, self.shell.now_s()))

    def receiveMsg_CordonChanged(self, message: CordonChanged, sender: ActorAddress) -> None:
        if self.shell.is_at(message.node, sender):
            self._changed(message)
        else:
            self.shell.unexpected.inc()

    def _changed(self, message: CordonChanged) -> None:
        self._perform(self._round.changed(message, self.shell.view, self.shell.now_s()))

    def _perform(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            match effect:
                case PassOn(change) if change.node == self.shell.own_node:
                    self._changed(self._carry_out(change))
                case PassOn(change):
                    self.shell.send_to(change.node, "admin", change)
                case Answer(asker, message):
                    self.shell.answer(asker, message)
                case Unexpected():
                    self.shell.unexpected.inc()

    # Orders for this node.

    def receiveMsg_CordonChange(self, message: CordonChange, sender: ActorAddress) -> None:
        self.shell.count_request(message)
        self.shell.send(sender, self._carry_out(message))

    def _carry_out(self, change: CordonChange) -> CordonChanged:
        before = self._cordon
        if change.node != self.shell.own_node:
            why = f"another node, {self.shell.own_node}, is at its address"
            return self._answer(change, why=why, fix="see `constellation nodes`")
        wanted = before.after(change)
        if wanted != before or self._has_failed:
            try:
                self._save(wanted)
            except AdapterError as error:
                self._failed("cordon_not_saved", error)
                self._retry_at_s = self.shell.now_s() + RETRY_S
                self.shell.unsaved.labels(FILE_NAME).set(1)
                return self._answer(change, why=f"{error.what}: {error.why}", fix=error.fix)
            self._cordon = wanted
            self._saved()
            self._cordoned.set(wanted.cordoned)
            log.info("cordon_changed", cordoned=wanted.cordoned, reason=wanted.reason)
            self._record.cordon = wanted
            self._record.publish()
        return self._answer(change, was_already=before.cordoned == wanted.cordoned)

    def _answer(
        self, change: CordonChange, *, was_already: bool = False, why: str = "", fix: str = ""
    ) -> CordonChanged:
        return CordonChanged(
            number=change.number,
            node=change.node,
            cordoned=self._cordon.cordoned,
            reason=self._cordon.reason,
            was_already=was_already,
            why=why[:TEXT_CHARACTERS_MAX],
            fix=fix[:TEXT_CHARACTERS_MAX],
        )

    def _saved(self) -> None:
        self._has_failed, self._retry_at_s = False, None
        self.shell.unsaved.labels(FILE_NAME).set(0)
        self._record.set_problem(PART, None)

    def _failed(self, event: str, error: AdapterError) -> None:
        self._has_failed = True
        holds = "cordoned" if self._cordon.cordoned else "not cordoned"
        why = f"{error.what}: {error.why}; {self.shell.own_node} counts as {holds}"
        problem = PartReported(
            part=PART,
            state="lost",
            why=why[:TEXT_CHARACTERS_MAX],
            fix=error.fix[:TEXT_CHARACTERS_MAX],
        )
        self._record.set_problem(PART, problem)
        log.error(event, error=error.what, why=error.why, fix=error.fix)
