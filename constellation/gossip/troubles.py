"""What gossip knows to be wrong between the nodes, for the operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from constellation.gossip.gossip_node import GossipNode
from constellation.gossip.member import Address
from constellation.gossip.paths import LostPath
from constellation.gossip.record_room import AUTHOR_BYTES_MAX, AUTHOR_RECORDS_MAX, STRANGERS_MAX
from messages.events import ChangeReported, EventName
from messages.wellness import TEXT_CHARACTERS_MAX, TROUBLES_MAX, Trouble, TroublesReported

SILENT_NAMES_MAX = 8  # that others tell of; more are only counted
ALLOW_UDP = "allow UDP port {port} between them in both directions, in every firewall"
STRANGERS_FIX = (
    "a node, or a host outside the cluster, has the gossip key and lies: find it by its traffic, "
    "remove it, then change the cluster key"
)
BEGINS: dict[str, EventName] = {
    "name": "name_conflict",
    "unheard": "path_lost",
    "record": "records_refused",
    "key": "key_mismatch",
}


class TroubleReporter:
    """Compares the troubles with those that were reported last."""

    def __init__(self, actor: str) -> None:
        self._actor = actor
        self._known: tuple[Trouble, ...] = ()

    @property
    def report(self) -> TroublesReported:
        """The troubles as of the last call of `update`."""
        unlisted = max(0, len(self._known) - TROUBLES_MAX)
        return TroublesReported(
            actor=self._actor, troubles=self._known[:TROUBLES_MAX], unlisted=unlisted
        )

    def update(
        self, now: Iterable[Trouble]
    ) -> tuple[TroublesReported | None, list[ChangeReported]]:
        """Return the report, if anything changed, and the events of what began and ended."""
        before, self._known = self._known, tuple(now)
        if before == self._known:
            return None, []
        events = [_event(BEGINS[one.kind], one) for one in _missing(self._known, before)]
        over = (one for one in _missing(before, self._known) if one.kind == "unheard")
        events += [_event("path_restored", one) for one in over]
        return self.report, events[:TROUBLES_MAX]


def _missing(troubles: Iterable[Trouble], others: Iterable[Trouble]) -> Iterator[Trouble]:
    """Yield what is not among the others, whatever the reasons are."""
    known = {(one.kind, one.subject) for one in others}
    return (one for one in troubles if one.kind in BEGINS and (one.kind, one.subject) not in known)


def _event(what: EventName, trouble: Trouble) -> ChangeReported:
    reason = "" if what == "path_restored" else (trouble.why or trouble.what)
    return ChangeReported(what=what, node=trouble.subject[:128], reason=reason)


def troubles_of(node: GossipNode, now_s: float) -> list[Trouble]:
    """Return all troubles of a node, the worst first."""
    return [
        *_names(node, now_s),
        *_unheard(node, now_s),
        *_records(node),
        *_seeds(node),
    ]


def _names(node: GossipNode, now_s: float) -> Iterator[Trouble]:
    for conflict in node.swim.membership.conflicts.current(now_s):
        yield trouble("name", conflict.member, conflict.what, conflict.why, conflict.fix)


def _unheard(node: GossipNode, now_s: float) -> Iterator[Trouble]:
    for path in sorted(node.swim.paths.lost(now_s), key=lambda one: one.name):
        what = f"UDP does not pass between {node.node_name} and {path.name}"
        if not path.has_tcp:
            what = f"{node.node_name} and {path.name} do not hear each other"
        fix = ALLOW_UDP.format(port=path.address.port)
        if not path.has_tcp:
            fix = fix.replace("UDP port", "UDP and TCP port")
        yield trouble("unheard", path.name, what, _why_lost(node, path), fix)
    silent = node.swim.hearsay.silent(now_s)
    for name in sorted(silent)[:SILENT_NAMES_MAX]:
        yield trouble(
            "unheard",
            name,
            f"others tell of {name}, and {node.node_name} never heard it",
            f"nothing comes from {silent[name]}, neither over UDP nor over TCP",
            f"if that node exists, {ALLOW_UDP.format(port=silent[name].port)}; if not, a member "
            "lies or remembers what is gone",
        )
    if len(silent) > SILENT_NAMES_MAX:
        yield trouble(
            "unheard",
            "",
            f"others tell of many nodes that {node.node_name} never heard",
            "they are no members here",
            STRANGERS_FIX,
        )


def _why_lost(node: GossipNode, path: LostPath) -> str:
    if not path.has_tcp:
        return f"nothing passes directly, only through others ({path.address})"
    ways = "news goes over TCP meanwhile"
    if path.is_heard:
        return f"packets from {node.node_name} to {path.address} are lost, not those back; {ways}"
    return f"no packet from {path.address} arrives; {ways}"


def _records(node: GossipNode) -> Iterator[Trouble]:
    state = node.state
    limits = f"{AUTHOR_RECORDS_MAX} records, {AUTHOR_BYTES_MAX >> 20} MiB, or its share of the room"
    for author in sorted(state.refused_members):
        if author == node.node_name:
            why = "one has more than 64 KiB, mostly labels"
            yield trouble(
                "record", author, "records of this node are not published", why, "shorten it"
            )
            continue
        yield trouble(
            "record",
            author,
            f"new records of {author} are refused",
            f"it has more than a node may have: {limits}",
            f"run fewer services on {author}; if it has few, a node with the gossip key lies",
        )
    if state.is_missing:
        yield trouble(
            "record",
            "",
            "records of nodes that are no members are refused",
            f"at most {STRANGERS_MAX} such nodes have room here; members are not affected",
            STRANGERS_FIX,
        )


def _seeds(node: GossipNode) -> Iterator[Trouble]:
    """A seed may be a name with addresses of both families; without any of ours it is useless."""
    seeds = [one for one in node.seeds if one != node.address]
    version = _family(node.address)
    if seeds and all(_family(one) != version for one in seeds):
        yield trouble(
            "address",
            str(node.address.ip),
            "no seed can be reached",
            f"bind_address {node.address.ip} is {version}, and all seeds are not, e.g. {seeds[0]}",
            "use addresses of one family in bind_address and gossip.seeds on all nodes",
        )


def _family(address: Address) -> str:
    return "IPv6" if ":" in address.ip else "IPv4"


def key_troubles(own: str, foreign: Iterable[tuple[str, bool]]) -> Iterator[Trouble]:
    """Yield a trouble for each address with other keys; with whether its packets arrive."""
    fix = (
        "give all nodes the same cluster_key and gossip.label; a node that was away while keys "
        "were rotated asks for the new ones by itself"
    )
    for ip, is_received in sorted(foreign):
        what = f"{ip} does not understand {own}"
        why = (
            "it ends each exchange without an answer: its cluster_key, keys or gossip.label differ"
        )
        if is_received:
            what = f"packets of {ip} do not decrypt with the keys of {own}"
            why = "it has another cluster_key, or gossip keys that this node does not have"
        yield trouble("key", ip, what, why, fix)


def trouble(kind: str, subject: str, what: str, why: str, fix: str) -> Trouble:
    """Return a trouble, its texts cut to what a message takes."""
    return Trouble.model_validate(
        {
            "kind": kind,
            "subject": subject[:253],
            "what": what[:256],
            "why": why[:TEXT_CHARACTERS_MAX],
            "fix": fix[:TEXT_CHARACTERS_MAX],
        }
    )
