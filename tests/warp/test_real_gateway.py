"""The prober against containers of a real Docker Engine, whose egress the test controls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.adapters.docker_exec import GatewayEngine
from actors.warp import WarpActor
from constellation.settings.docker import DockerSettings
from messages.gossip import RecordPublish
from messages.warp import GatewayMoved, WarpState
from messages.wellness import TroublesReported
from rigs.docker_engine import PrivateDocker
from rigs.ports import free_port
from rigs.socket_proxy import socket_proxy
from tests.harness import Harness, messages_of
from tests.monitor.builders import settings
from tests.warp.trace_page import EGRESS, HOST_ADDRESS, TracePage, trace_page

pytestmark = [
    pytest.mark.integration,
    pytest.mark.needs("docker"),
    pytest.mark.slow,
    pytest.mark.xdist_group("docker engine"),
]

GATEWAY = "warp-nat-gateway"


class Prober:
    """A started WARP actor, and what it published."""

    def __init__(self, socket: str, page: TracePage, **warp: Any) -> None:
        fields = {"gateways": (GATEWAY,), "timeout_s": 2, "interval_s": 5, "address_urls": ()}
        self.harness = Harness(
            WarpActor(),
            settings(docker={"socket": socket}, warp={**fields, "trace_urls": (page.url,), **warp}),
            name="warp",
            neighbours=("gossip", "admin"),
        )

    def published(self) -> list[WarpState]:
        reports = messages_of(RecordPublish, self.harness.sent)
        return [state for report in reports for state in report.warp_states]

    def until(self, holds: Callable[[WarpState], bool]) -> WarpState:
        """Return the state that was published last, once it is so."""
        self.harness.pump_until(lambda: bool(self.published()) and holds(self.published()[-1]))
        return self.published()[-1]

    def first(self) -> WarpState:
        return self.until(lambda _: True)

    def until_known(self, count: int) -> dict[str, WarpState]:
        """Return the last state of each gateway, once there are so many with a trouble."""

        def troubles() -> int:
            reports = messages_of(TroublesReported, self.harness.sent)
            return len(reports[-1].troubles) if reports else 0

        self.harness.pump_until(lambda: troubles() == count)
        return {state.gateway: state for state in self.published()}

    def move(self, action: str, gateway: str = GATEWAY) -> None:
        """Say what the Docker actor would say of an event."""
        self.harness.deliver(GatewayMoved(gateway=gateway, action=action))


@pytest.fixture
def page(docker_engine: PrivateDocker) -> Iterator[TracePage]:
    with trace_page(str(docker_engine.subnet[1])) as page:
        yield page


@pytest.fixture
def start(docker_engine: PrivateDocker, page: TracePage) -> Iterator[Callable[..., Prober]]:
    started: list[Prober] = []

    def start(socket: str = "", **warp: Any) -> Prober:
        started.append(Prober(socket or str(docker_engine.socket), page, **warp))
        return started[-1]

    yield start
    for one in started:
        one.harness.stop()


@pytest.mark.case("N7")
def test_line_of_the_page_decides_as_the_gateway_sees_it(
    docker_engine: PrivateDocker, page: TracePage, start: Callable[..., Prober]
) -> None:
    """The page tells the host `off` all the time: only what the gateway gets counts."""
    docker_engine.run(GATEWAY)
    page.gateways_say(warp="off", address=HOST_ADDRESS)
    prober = start()

    first = prober.first()
    page.gateways_say(warp="on")
    second = prober.until(lambda state: state.health == "healthy")
    page.gateways_say(warp="plus", address=HOST_ADDRESS)
    prober.move("start")
    third = prober.until(lambda state: state.health == "unhealthy")

    assert (first.health, first.step, first.egress_ip) == ("unhealthy", "warp", "")
    assert f"says warp=off, it comes from {HOST_ADDRESS}, the host's own" in first.reason
    assert second == WarpState(gateway=GATEWAY, health="healthy", egress_ip=EGRESS)
    assert (third.step, third.egress_ip) == ("leak", "")


def test_gateway_that_stops_is_unhealthy_at_once_and_healthy_when_it_is_back(
    docker_engine: PrivateDocker, start: Callable[..., Prober]
) -> None:
    container = docker_engine.run(GATEWAY)
    prober = start(interval_s=600)
    prober.until(lambda state: state.health == "healthy")

    container.kill()
    prober.move("die")
    down = prober.until(lambda state: state.health == "unhealthy")
    container.start()
    prober.move("start")
    prober.until(lambda state: state.health == "healthy")

    assert (down.step, down.reason) == (
        "container",
        "its container does not run: exited with code 137",
    )


def test_each_fault_of_a_gateway_is_named_with_its_step(
    docker_engine: PrivateDocker, page: TracePage, start: Callable[..., Prober]
) -> None:
    bare = docker_engine.run("bare")
    bare.exec_run(["rm", "/bin/timeout", "/bin/wget", "/bin/busybox"])
    docker_engine.run("cut-off", network_mode="none")
    docker_engine.run("labelled", labels={"role": "warp"})
    paused = docker_engine.run("paused")
    paused.pause()
    page.body = "<html>Welcome</html>"
    prober = start(gateways=("bare", "cut-off", "role=warp", "paused", "lost", bare.id[:12]))

    states = prober.until_known(6)

    assert {name: state.step for name, state in states.items()} == {
        "bare": "client",
        "cut-off": "egress",
        "labelled": "page",
        "paused": "container",
        "lost": "container",
        bare.id[:12]: "container",
    }
    assert "unreachable" in states["cut-off"].reason
    assert "'<html>Welcome</html>'" in states["labelled"].reason
    assert states["lost"].reason == "there is no container of that name"


def test_probe_that_takes_long_delays_no_other_gateway(
    docker_engine: PrivateDocker, page: TracePage, start: Callable[..., Prober]
) -> None:
    docker_engine.run("slow")
    other = docker_engine.run("other")
    page.answers.clear()
    urls = (page.url, f"{page.url}?2", f"{page.url}?3")
    prober = start(gateways=("slow", "other"), trace_urls=urls, timeout_s=10)

    other.kill()
    prober.move("die", "other")
    down = prober.until(lambda state: state.health == "unhealthy")
    other.start()
    page.answers.set()
    prober.move("start", "other")
    prober.until(lambda state: state.gateway == "other" and state.health == "healthy")

    assert (down.gateway, down.step) == ("other", "container")
    assert [one.health for one in prober.published() if one.gateway == "slow"] == ["healthy"]


def test_exec_that_a_proxy_refuses_makes_the_gateway_unhealthy(
    docker_engine: PrivateDocker, start: Callable[..., Prober]
) -> None:
    container, port = docker_engine.run(GATEWAY), free_port()
    path = f"/containers/{container.id}/exec"

    with socket_proxy(Path(docker_engine.socket), port, forbidden=(path,)):
        state = start(f"tcp://127.0.0.1:{port}").first()

    assert (state.health, state.step) == ("unhealthy", "exec")
    assert "403" in state.reason


def test_docker_that_does_not_answer_says_nothing_about_the_gateway(
    page: TracePage, start: Callable[..., Prober], tmp_path: Path
) -> None:
    state = start(str(tmp_path / "docker.sock")).first()

    assert (state.health, state.step) == ("unknown", "docker")
    assert "does not exist" in state.reason


def test_reason_has_what_warp_says_of_itself(
    docker_engine: PrivateDocker, page: TracePage, start: Callable[..., Prober]
) -> None:
    says = "Status update: Disconnected\\nReason: Registration Missing"
    program = f"printf '#!/bin/sh\\necho \"{says}\"\\n' >/bin/warp-cli; chmod +x /bin/warp-cli"
    docker_engine.run(GATEWAY).exec_run(["sh", "-c", program])
    page.status = 503

    state = start().first()

    assert state.step == "egress"
    assert "503" in state.reason
    assert state.reason.endswith("Reason: Registration Missing")


def test_command_that_does_not_end_is_cut_off(docker_engine: PrivateDocker) -> None:
    container = docker_engine.run(GATEWAY)
    engine = GatewayEngine(DockerSettings(socket=str(docker_engine.socket)))

    endless = engine.execute(container.id, ("sh", "-c", "echo before; sleep 60"), 0.3)
    long = engine.execute(container.id, ("sh", "-c", "yes | head -c 200000; exit 3"), 10.0)
    engine.close()

    assert (endless.code, endless.output) == (None, "before\n")
    assert (long.code, len(long.output)) == (3, 8192)
