"""The admin actor and cordons: its own node's, which it keeps, and orders that it passes on."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.adapters.cordon_file import FILE_NAME, load_cordon, save_cordon
from actors.admin.raft import RaftAnswers
from constellation.admin import cordon_round
from constellation.admin.cordon import Cordon
from constellation.admin.cordon_round import CordonRound
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.peers import find_peers
from constellation.transport.address import ActorRef
from messages.admin import CordonChange, CordonChanged, CordonOrder, PartReported

log = get_logger(__name__)

ADMIN = "@admin"  # whoever is that actor of a node now


class CordonAnswers(RaftAnswers):
    """The part of the admin actor that keeps requests away from nodes."""

    def on_start(self) -> None:
        super().on_start()
        self.cordon_round = CordonRound(self._own_name)
        self.cordon = Cordon()
        self.cordon_problem: PartReported | None = None  # with its file
        self._cordon_path = Path(node.settings().data_dir) / FILE_NAME
        self._cordoned = Gauge(
            "constellation_admin_cordoned",
            "1 while this node asks not to be given requests",
            registry=self.registry,
        )
        try:
            self.cordon = load_cordon(self._cordon_path)
        except AdapterError as error:  # it may have served for long: it goes on, and says so
            self._cordon_failed("cordon_not_read", error)
        self._cordoned.set(self.cordon.cordoned)

    def on_tick(self, now_s: float) -> None:
        super().on_tick(now_s)
        self._perform_cordon(self.cordon_round.tick(now_s))

    def publish_node(self) -> None:
        """Tell the cluster what this node is."""
        raise NotImplementedError

    # Orders.

    def receiveMsg_CordonOrder(self, message: CordonOrder, sender: ActorAddress) -> None:
        if self._is_known(message, sender):
            asker = self.address_text(sender)
            effects = self.cordon_round.ordered(asker, message, self.view, self.now_s())
            self._perform_cordon(effects)

    def receiveMsg_CordonChanged(self, message: CordonChanged, sender: ActorAddress) -> None:
        if self._speaks_for(message.node, sender):
            self._perform_cordon(self.cordon_round.changed(message, self.view))
        else:
            self._unexpected.inc()

    def _perform_cordon(self, effects: Iterable[cordon_round.Effect]) -> None:
        for effect in effects:
            match effect:
                case cordon_round.PassOn(change) if change.node == self._own_name:
                    self._perform_cordon(self.cordon_round.changed(self._obey(change), self.view))
                case cordon_round.PassOn(change):
                    host, port = find_peers(self.view).addresses[change.node]
                    self.send(ActorAddress(ActorRef(host, port, ADMIN)), change)
                case cordon_round.Tell(asker, answer):
                    self.send(self.address_of(asker), answer)
                case cordon_round.Unexpected():
                    self._unexpected.inc()

    # This node.

    def receiveMsg_CordonChange(self, message: CordonChange, sender: ActorAddress) -> None:
        self._requests.labels(type(message).__name__).inc()
        self.send(sender, self._obey(message))

    def _obey(self, change: CordonChange) -> CordonChanged:
        before = self.cordon
        if change.node != self._own_name:
            why = f"another node, {self._own_name}, is at its address"
            return self._changed(change, why=why, fix="see `constellation nodes`")
        wanted = before.after(change)
        if wanted != before or self.cordon_problem is not None:
            try:
                save_cordon(self._cordon_path, wanted)
            except AdapterError as error:
                self._cordon_failed("cordon_not_saved", error)
                return self._changed(change, why=f"{error.what}: {error.why}", fix=error.fix)
            self.cordon, self.cordon_problem = wanted, None
            self._cordoned.set(wanted.cordoned)
            log.info("cordon_changed", cordoned=wanted.cordoned, reason=wanted.reason)
            self.publish_node()
        return self._changed(change, was_already=before.cordoned == wanted.cordoned)

    def _changed(
        self, change: CordonChange, *, was_already: bool = False, why: str = "", fix: str = ""
    ) -> CordonChanged:
        return CordonChanged(
            number=change.number,
            node=change.node,
            cordoned=self.cordon.cordoned,
            reason=self.cordon.reason,
            was_already=was_already,
            why=why[:512],
            fix=fix[:512],
        )

    def _cordon_failed(self, event: str, error: AdapterError) -> None:
        held = "cordoned" if self.cordon.cordoned else "not cordoned"
        why = f"{error.what}: {error.why}; {self._own_name} counts as {held}"
        self.cordon_problem = PartReported(
            part="cordon", state="lost", why=why[:512], fix=error.fix[:512]
        )
        fields = {"error": error.what, "why": error.why, "fix": error.fix}
        log.error(event, **fields)
