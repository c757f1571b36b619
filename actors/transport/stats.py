"""What the transport of this process has counted, for the metrics of its actor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, Metric

from constellation.log import get_logger

log = get_logger(__name__)

COUNTERS: Counter[tuple[str, str]] = Counter()
LATEST: dict[tuple[str, str], str] = {}  # the detail of the latest refusal or drop of each reason
LOGGED_UP_TO = 10  # of each kind; afterwards every power of ten, so that an attacker fills no disk

_HELP = {
    "sent": "Frames handed to the kernel, by way",
    "received": "Frames taken, by way",
    "refused": "Bytes from outside that were not taken, by reason",
    "dropped": "Messages of this node that could not be delivered, by reason",
}


def count(kind: str, label: str) -> None:
    """Add one."""
    COUNTERS[kind, label] += 1


def refused(reason: str, *, source: str, detail: str) -> None:
    """Count and, within bounds, log that something from outside was not taken."""
    _counted_event("refused", reason, source, detail)


def dropped(reason: str, *, target: str, detail: str) -> None:
    """Count and, within bounds, log that a message of ours did not leave."""
    _counted_event("dropped", reason, target, detail)


def _counted_event(kind: str, reason: str, peer: str, detail: str) -> None:
    count(kind, reason)
    LATEST[kind, reason] = detail
    total = COUNTERS[kind, reason]
    if total <= LOGGED_UP_TO or str(total).strip("0") == "1":
        fields = {"reason": reason, "peer": peer, "detail": detail, "total": total}
        if kind == "refused":
            log.warning("frame_refused", **fields)
        elif reason.startswith("peer_"):  # a node that is away is gossip's news, not ours
            log.info("message_dropped", **fields)
        else:
            log.warning("message_dropped", **fields)


def forget() -> None:
    """Begin anew: a forked process has sent nothing yet."""
    COUNTERS.clear()
    LATEST.clear()


class TransportCollector:
    """The counters as prometheus_client wants them."""

    def collect(self) -> Iterator[Metric]:
        """Yield one family a kind."""
        for kind, text in _HELP.items():
            label = "reason" if kind in {"refused", "dropped"} else "way"
            family = CounterMetricFamily(f"constellation_transport_{kind}", text, labels=[label])
            for (counted, value), total in list(COUNTERS.items()):
                if counted == kind:
                    family.add_metric([value], total)
            yield family
