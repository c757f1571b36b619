"""Counters of the transport of this process, for the metrics of its actor."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from constellation.log import get_logger

if TYPE_CHECKING:
    from prometheus_client.core import Metric

log = get_logger(__name__)

COUNTERS: Counter[tuple[str, str]] = Counter()
LATEST: dict[tuple[str, str], str] = {}  # detail of the latest refusal or drop, by reason
LOGGED_UP_TO = 10  # per reason; then each power of ten, so that no attacker can fill the disk

_HELP = {
    "sent_frames": "Frames sent, by way (local or peer)",
    "received_frames": "Frames received, by way (local or peer)",
    "refused": "Refused connections and frames, by reason",
    "dropped": "Messages of this node that could not be delivered, by reason",
}


def count(kind: str, label: str) -> None:
    """Add one."""
    COUNTERS[kind, label] += 1


def refused(reason: str, *, source: str, detail: str) -> None:
    """Count and, within limits, log a refused connection or frame."""
    _counted_event("refused", reason, source, detail)


def dropped(reason: str, *, target: str, detail: str) -> None:
    """Count and, within limits, log a message of this node that was not sent."""
    _counted_event("dropped", reason, target, detail)


def _counted_event(kind: str, reason: str, peer: str, detail: str) -> None:
    count(kind, reason)
    LATEST[kind, reason] = detail
    total = COUNTERS[kind, reason]
    if total <= LOGGED_UP_TO or str(total).strip("0") == "1":
        fields = {"reason": reason, "peer": peer, "detail": detail, "total": total}
        if kind == "refused":
            log.warning("frame_refused", **fields)
        elif reason.startswith("peer_"):  # gossip reports unreachable nodes
            log.info("message_dropped", **fields)
        else:
            log.warning("message_dropped", **fields)


def failure_count() -> int:
    """Return how much was refused or dropped."""
    return sum(total for (kind, _), total in COUNTERS.items() if kind in {"refused", "dropped"})


def forget() -> None:
    """Reset the counters: a forked process has sent nothing yet."""
    COUNTERS.clear()
    LATEST.clear()


class TransportCollector:
    """The counters as a collector of prometheus_client."""

    def collect(self) -> Iterator[Metric]:
        """Yield one family for each kind of counter."""
        # Not above: an operator's command has these counters too, and reports none.
        from prometheus_client.core import CounterMetricFamily  # noqa: PLC0415

        for kind, text in _HELP.items():
            label = "reason" if kind in {"refused", "dropped"} else "way"
            family = CounterMetricFamily(f"constellation_transport_{kind}", text, labels=[label])
            for (counted, value), total in list(COUNTERS.items()):
                if counted == kind:
                    family.add_metric([value], total)
            yield family
