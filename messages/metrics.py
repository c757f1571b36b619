"""What each actor process measures, on the way to the page that Prometheus scrapes."""

from typing import Literal

from pydantic import Field

from messages.base import Message


class MetricLabel(Message):
    """One label of a sample."""

    name: str
    value: str


class MetricSample(Message):
    """One number.  Part of `MetricFamily`."""

    name: str = Field(description="with its suffix, e.g. '..._total', '..._bucket'")
    labels: tuple[MetricLabel, ...] = ()
    value: float


class MetricFamily(Message):
    """One metric with all its samples.  Part of `MetricsReport`."""

    name: str
    kind: Literal["counter", "gauge", "histogram", "summary", "info", "unknown"]
    help: str
    samples: tuple[MetricSample, ...]


class MetricsRequest(Message):
    """Ask an actor for the metrics of its process.  Answered by `MetricsReport`."""

    number: int = Field(ge=1)
    asker: str = Field("", description="the address to answer to; empty: the sender's")


class MetricsReport(Message):
    """State all metrics of one actor process.  Answer to `MetricsRequest`."""

    actor: str = Field(min_length=1, max_length=256)
    process_id: int = Field(ge=1)
    families: tuple[MetricFamily, ...] = Field(max_length=512)
    number: int = Field(0, description="that of the request")
    passed_on_to: tuple[str, ...] = Field(
        (), max_length=2048, description="the actors that this one has passed the request on to"
    )
