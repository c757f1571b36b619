"""This node's own record: what it publishes of itself, and the parts of its host."""

from __future__ import annotations

from pathlib import Path

from prometheus_client import Gauge
from thespian.actors import ActorAddress

from actors import node
from actors.adapters.bounded_save import BoundedSave
from actors.adapters.node_names import FILE_NAME, former_names
from actors.adapters.parts import find_missing
from actors.admin.desk import Desk
from actors.admin.shell import AdminShell
from constellation import __version__
from constellation.admin.cordon import Cordon
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.registry import runs_on_every_node
from constellation.saving import is_saving
from constellation.settings.agent import Settings
from constellation.traefik.own_traefik import PART as TRAEFIK
from constellation.wellness.troubles import TroubleBook
from messages.admin import IngressReported, PartReported
from messages.dns import PublicAddressesReported
from messages.gossip import IngressState, NodeState, RecordPublish
from messages.raft_member import ClusterJoined
from messages.wellness import Trouble, TroublesReported

log = get_logger(__name__)

# No actor reports on these parts: they are absent because of settings, or because of the host.
FROM_START = ("tailscale", "dns")


class RecordDesk(Desk):
    """Collect what actors report of this node, and publish it."""

    def __init__(self, shell: AdminShell) -> None:
        super().__init__(shell)
        self.cordon = Cordon()
        self._cluster_id = ""  # of Raft
        self._public_addresses: tuple[str, ...] = ()
        self._ingress: IngressState = "unknown"
        self._parts = {
            part.part: PartReported(part=part.part, state="absent", why=part.why, fix=part.fix)
            for part in find_missing(node.settings())
            if part.part in FROM_START
        }
        self._problems: dict[str, PartReported] = {}  # of this actor's own parts
        self._troubles = TroubleBook()
        self._former_names = _former_names(node.settings())
        self._lost = Gauge(
            "constellation_part_lost",
            "1 while a part of this host that should work does not, such as docker or traefik",
            ["part"],
            registry=shell.registry,
        )

    @property
    def not_present(self) -> tuple[PartReported, ...]:
        """The parts that are absent or lost, by name."""
        parts = {**self._parts, **self._problems}
        return tuple(parts[name] for name in sorted(parts) if parts[name].state != "present")

    @property
    def troubles(self) -> tuple[Trouble, ...]:
        """What the actors of this node know to be wrong, the worst first."""
        return self._troubles.listed

    @property
    def troubles_unlisted(self) -> int:
        """How many further troubles there are."""
        return self._troubles.unlisted_count

    def set_problem(self, part: str, problem: PartReported | None) -> None:
        """Report a part of this actor itself as lost, or, with None, as working again."""
        if problem is None:
            self._problems.pop(part, None)
        else:
            self._problems[part] = problem

    def on_actor_up(self, name: str) -> None:
        if name == "gossip":
            self.publish()

    def receiveMsg_PartReported(self, message: PartReported, sender: ActorAddress) -> None:
        if is_saving(message.part):  # no capability that other nodes may rely on
            self.set_problem(message.part, None if message.state == "present" else message)
            return
        before = self._parts.get(message.part)
        self._parts[message.part] = message
        self._lost.labels(message.part).set(message.state == "lost")
        if before is None or before.state != message.state:
            self.publish()

    def receiveMsg_IngressReported(self, message: IngressReported, sender: ActorAddress) -> None:
        if message.ingress != self._ingress:
            self._ingress = message.ingress
            self.publish()

    def receiveMsg_TroublesReported(self, message: TroublesReported, sender: ActorAddress) -> None:
        self._troubles.report(message)

    def receiveMsg_ClusterJoined(self, message: ClusterJoined, sender: ActorAddress) -> None:
        if message.cluster_id != self._cluster_id:
            self._cluster_id = message.cluster_id
            self.publish()

    def receiveMsg_PublicAddressesReported(
        self, message: PublicAddressesReported, sender: ActorAddress
    ) -> None:
        if message.addresses != self._public_addresses:
            self._public_addresses = message.addresses
            self.publish()

    def publish(self) -> None:
        """Give gossip the record of this node; an unchanged one costs nothing."""
        settings = node.settings()
        capabilities = [
            name
            for name, part in self._parts.items()
            if part.state == "present" and not runs_on_every_node(name)
        ]
        if settings.traefik.ingress_port and TRAEFIK not in self._parts:
            capabilities.append(TRAEFIK)  # until its state is known
        state = NodeState(
            address=settings.bind_address,
            gossip_port=settings.gossip.port,
            actor_port=settings.actors.port,
            ingress_port=settings.traefik.offered_ingress_port,
            priority=settings.priority,
            cordoned=self.cordon.cordoned,
            cordon_reason=self.cordon.reason,
            capabilities=tuple(sorted(capabilities)),
            agent_version=__version__,
            cluster_id=self._cluster_id,
            witness=settings.raft.witness,
            former_names=self._former_names,
            started_at_utc_s=node.started_at_utc_s(),
            public_addresses=self._public_addresses,
            ingress=self._ingress,
        )
        self.shell.post("gossip", RecordPublish(node_state=state))


def _former_names(settings: Settings) -> tuple[str, ...]:
    directory = Path(settings.data_dir)
    disk = BoundedSave(str(directory / FILE_NAME))
    try:
        return disk.run(lambda: former_names(directory, settings.node_name))
    except AdapterError as error:
        log.warning("former_names_not_known", error=error.what, why=error.why, fix=error.fix)
        return ()
