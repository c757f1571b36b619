"""The checks actor: static services, checked over loopback."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from actors.checks import ChecksActor
from messages.monitor import ServiceObservation, ServicesObserved
from rigs.ports import free_port
from tests.harness import Harness, messages_of
from tests.monitor.builders import settings


class Site(ThreadingHTTPServer):
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Page(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Location", "http://192.0.2.1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Keep the tests' output for the tests."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def start() -> Iterator[Any]:
    started = []

    def start(*services: dict[str, Any]) -> Harness[ChecksActor]:
        quick = [{"interval_s": 0.02, "timeout_s": 0.5, **service} for service in services]
        harness = Harness(
            ChecksActor(),
            settings(static_services=quick),
            name="checks",
            neighbours=("services",),
        )
        started.append(harness)
        return harness

    yield start
    for harness in started:
        harness.stop()


def observations(harness: Harness[ChecksActor], service: str) -> list[ServiceObservation]:
    return [
        observation
        for report in messages_of(ServicesObserved, harness.sent)
        for observation in report.observations
        if observation.service == service
    ]


def until(harness: Harness[ChecksActor], service: str, check: str) -> ServiceObservation:
    harness.pump_until(
        lambda: any(seen.check == check for seen in observations(harness, service)[-1:])
    )
    return observations(harness, service)[-1]


def test_all_static_services_are_reported_before_the_first_check(start: Any) -> None:
    address = f"127.0.0.1:{free_port()}"
    harness = start({"name": "web", "address": address, "labels": {"a": "b"}})

    harness.pump_until(lambda: bool(observations(harness, "web")))

    report = messages_of(ServicesObserved, harness.sent)[0]
    (first,) = report.observations
    assert (report.complete, first.check, first.instance) == (True, "starting", address)
    assert [(label.name, label.value) for label in first.labels] == [("a", "b")]


def test_http_service_passes_and_has_an_endpoint(site: Site, start: Any) -> None:
    harness = start({"name": "web", "address": site.address, "check": "http"})

    seen = until(harness, "web", "passing")

    (endpoint,) = seen.endpoints
    assert f"{endpoint.host}:{endpoint.port}" == site.address
    assert endpoint.scheme == "http"


@pytest.mark.parametrize("status", [404, 500, 503])
def test_http_error_fails_with_its_status(site: Site, start: Any, status: int) -> None:
    site.status = status

    harness = start({"name": "web", "address": site.address, "check": "http"})

    assert until(harness, "web", "failing").detail == f"HTTP status {status}"


def test_redirect_passes_and_is_not_followed(site: Site, start: Any) -> None:
    site.status = 302

    harness = start({"name": "web", "address": site.address, "check": "http"})

    until(harness, "web", "passing")


def test_failure_and_recovery_of_a_service_are_observed(site: Site, start: Any) -> None:
    harness = start({"name": "web", "address": site.address, "check": "http"})
    until(harness, "web", "passing")

    site.status = 500
    until(harness, "web", "failing")
    site.status = 200
    until(harness, "web", "passing")

    value = harness.actor.registry.get_sample_value
    for result in ("passing", "failing"):
        labels = {"service": "web", "result": result}
        assert value("constellation_monitor_checks_total", labels) > 0


def test_tcp_service_passes_when_it_listens(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        harness = start({"name": "db", "address": f"127.0.0.1:{port}"})
        until(harness, "db", "passing")
    assert until(harness, "db", "failing").detail == "connection refused"


def test_silent_service_times_out_without_delaying_others(site: Site, start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        silent = {
            "name": "silent",
            "address": f"127.0.0.1:{listener.getsockname()[1]}",
            "check": "http",
            "timeout_s": 0.1,
        }
        harness = start(silent, {"name": "web", "address": site.address, "check": "http"})
        seen = until(harness, "silent", "failing")

    assert seen.detail == "no answer within 0.1 s"
    assert len(observations(harness, "web")) > 2


def test_answer_that_is_not_http_fails(start: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        harness = start({"name": "web", "address": address, "check": "http", "interval_s": 60.0})
        seen = until(harness, "web", "failing")
        thread.join()

    assert seen.detail == "the answer is not HTTP"


def test_restarted_services_actor_receives_all_observations(site: Site, start: Any) -> None:
    harness = start(
        {"name": "web", "address": site.address, "check": "http"},
        {"name": "db", "address": f"127.0.0.1:{free_port()}", "interval_s": 60.0},
    )
    until(harness, "web", "passing")
    until(harness, "db", "failing")
    before = len(messages_of(ServicesObserved, harness.sent))

    harness.neighbours("services", generation=1)

    def complete() -> list[ServicesObserved]:
        later = messages_of(ServicesObserved, harness.sent)[before:]
        return [report for report in later if report.complete]

    harness.pump_until(lambda: bool(complete()))
    checks = {seen.service: seen.check for seen in complete()[0].observations}
    assert checks == {"web": "passing", "db": "failing"}


def test_node_without_static_services_reports_an_empty_list(start: Any) -> None:
    harness = start()

    harness.pump_until(lambda: bool(messages_of(ServicesObserved, harness.sent)))

    assert messages_of(ServicesObserved, harness.sent)[0] == ServicesObserved(
        source="static", complete=True, observations=()
    )
