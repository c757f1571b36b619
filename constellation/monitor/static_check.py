"""The result of one check of a static service, as an observation."""

from __future__ import annotations

from constellation.monitor.container import Check, kept_labels
from constellation.monitor.role import role_of_label
from constellation.monitor.service_name import service_name
from constellation.settings.monitor import StaticService
from messages.monitor import Endpoint, ServiceObservation

DETAIL_CHARACTERS_MAX = 200


def http_status_failure(status: int) -> str | None:
    """Return why an HTTP status fails a check; None for 2xx and 3xx."""
    return None if 200 <= status < 400 else f"HTTP status {status}"


def detail_of(failure: str | None) -> str:
    """Return the reason of a failure as an observation has it; "" for a check that passed."""
    return (failure or "")[:DETAIL_CHARACTERS_MAX]


def no_answer(timeout_s: float) -> str:
    """Return why a check failed that has not ended in time."""
    return f"no answer within {timeout_s} s"


def failure_of(error: Exception) -> str:
    """Return why a check failed, without the data sent or received: either may contain secrets."""
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError():
            return "connection closed without an answer"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__


def static_observation(
    service: StaticService, failure: str | None, *, checked: bool = True, results_count: int = 1
) -> ServiceObservation:
    """Return the observation after a check; `failure` is None if it passed.

    `results_count`: how many checks in a row, up to what matters, had this result.

    A check sees an address, not a process: the service is assumed to run, and the check result
    decides its health.
    """
    host, _, port = service.address.rpartition(":")
    check: Check = "starting"
    if checked:
        check = "passing" if failure is None else "failing"
    return ServiceObservation(
        service=service_name(service.name, service.labels),
        name=service.name,
        source="static",
        instance=service.address,
        running=True,
        check=check,
        detail=detail_of(failure),
        results_count=results_count,
        labels=kept_labels(service.labels)[0],
        role=role_of_label(service.labels),
        endpoints=(
            Endpoint(
                protocol="tcp",
                host=host.removeprefix("[").removesuffix("]"),
                port=int(port),
                container_port=int(port),
                scheme="http" if service.check == "http" else "",
            ),
        ),
    )
