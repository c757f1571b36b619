"""Each real component starts, does its work, and leaves nothing behind."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rigs import http_backend
from rigs.docker_engine import PrivateDocker, mounts_below, private_docker
from rigs.fixtures import MakeHosts, RunSerf, RunTraefik, StartBackend
from rigs.ports import answers, free_port
from rigs.processes import running, wait_until
from rigs.prometheus import check_metrics, prometheus

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("docker engine"),
]


def body_of(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=5) as response:
        return bytes(response.read())


def interfaces() -> set[str]:
    return {path.name for path in Path("/sys/class/net").iterdir()}


def test_the_backend_returns_its_name_and_its_health(start_backend: StartBackend) -> None:
    process, port = start_backend("web-1")
    url = f"http://127.0.0.1:{port}"

    assert json.loads(body_of(f"{url}/x")) == {"name": "web-1", "path": "/x"}
    assert json.loads(body_of(f"{url}/healthz"))["well"] is True

    sick = urllib.request.Request(f"{url}/healthz", data=b"fail", method="PUT")
    for request in (sick, urllib.request.Request(f"{url}/healthz")):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=5)
        assert refused.value.code == 503
        refused.value.close()
    assert process.stop() == 0


def test_the_backend_finishes_requests_in_progress(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, http_backend.__file__, "--name", "slow", "--port", str(port)]
    with running([*command, "--delay-s", "0.5"], log_file=tmp_path / "log") as process:
        process.wait_for_port(port)
        asking = subprocess.Popen(
            ["busybox", "wget", "-q", "-O", "-", f"http://127.0.0.1:{port}/"],
            stdout=subprocess.PIPE,
        )
        process.wait_for(
            lambda: _established(port), timeout_s=5, what="the request to have arrived"
        )

        process.send_signal(signal.SIGTERM)

        said, _ = asking.communicate(timeout=5)
        assert json.loads(said)["name"] == "slow"
        wait_until(lambda: not process.is_running, timeout_s=5, what="the backend's own end")
        assert process.returncode == 0


def _established(port: int) -> bool:
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(f":{port:04X}" in row.split()[1] and row.split()[3] == "01" for row in rows)


@pytest.mark.needs("docker")
def test_docker_runs_a_container_with_a_published_port(docker_engine: PrivateDocker) -> None:
    port = free_port()

    docker_engine.run(
        "web",
        *("sh", "-c", "echo hello > index.html && exec httpd -f -p 80"),
        ports={"80/tcp": ("127.0.0.1", port)},
    )

    wait_until(
        lambda: published(port) == b"hello\n", timeout_s=10, what="the published port to answer"
    )


def published(port: int) -> bytes:
    with contextlib.suppress(OSError):
        return body_of(f"http://127.0.0.1:{port}/")
    return b""


@pytest.mark.needs("docker")
def test_docker_leaves_nothing_behind(tmp_path: Path) -> None:
    with private_docker() as engine:
        with contextlib.closing(engine.client()) as client:
            network_id = str(client.networks.create("own", driver="bridge").id)
        engine.run("one", network="own")
        directory, process_id = engine.directory, engine.process_id
        bridges = {engine.bridge, f"br-{network_id[:12]}"}
        assert bridges <= interfaces()

    assert not directory.exists()
    assert mounts_below(directory) == []
    assert not Path(f"/proc/{process_id}").exists()
    assert not bridges & interfaces()
    assert str(directory) not in _command_lines()


@pytest.mark.needs("docker")
def test_docker_can_be_killed_and_started_again(docker_engine: PrivateDocker) -> None:
    docker_engine.stop()
    docker_engine.start()

    with contextlib.closing(docker_engine.client()) as client:
        assert client.ping()
        assert client.images.list("constellation-test/busybox")


def _command_lines() -> str:
    lines = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            lines.append(entry.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return "\n".join(lines)


@pytest.mark.needs("traefik")
def test_traefik_serves_the_routes_of_its_provider(
    start_traefik: RunTraefik, start_backend: StartBackend, tmp_path: Path
) -> None:
    _, backend_port = start_backend("web-1")
    configuration = {
        "http": {
            "routers": {"web": {"rule": "Host(`web.localhost`)", "service": "web"}},
            "services": {
                "web": {"loadBalancer": {"servers": [{"url": f"http://127.0.0.1:{backend_port}"}]}}
            },
        }
    }
    with serving(tmp_path / "provider", json.dumps(configuration)) as endpoint:
        traefik = start_traefik(endpoint)
        traefik.wait_for_router("web")

        status, body = traefik.get("web.localhost", "/path")

        assert (status, json.loads(body)) == (200, {"name": "web-1", "path": "/path"})
        assert traefik.servers() == {"web": [f"http://127.0.0.1:{backend_port}"]}
        assert traefik.error_lines() == []


@pytest.mark.needs("traefik")
def test_traefik_logs_an_error_for_a_body_that_it_refuses(
    start_traefik: RunTraefik, tmp_path: Path
) -> None:
    with serving(tmp_path / "provider", '{"http": {"routers": {}}}') as endpoint:
        traefik = start_traefik(endpoint)

        traefik.process.wait_for(
            traefik.error_lines, timeout_s=10, what="an error line about the empty element"
        )

    assert "standalone" in traefik.error_lines()[0]


@contextlib.contextmanager
def serving(directory: Path, body: str, name: str = "config.json") -> Iterator[str]:
    directory.mkdir()
    (directory / name).write_text(body)
    port = free_port()
    command = ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", str(directory)]
    with running(command, log_file=directory / "log") as process:
        process.wait_for_port(port)
        yield f"http://127.0.0.1:{port}/{name}"


@pytest.mark.needs("prometheus")
def test_prometheus_scrapes_a_page(tmp_path: Path) -> None:
    page = tmp_path / "page"
    with serving(page, "# TYPE x gauge\nx 1\n", name="metrics") as url:
        target = url.split("/")[2]
        with prometheus([target], tmp_path / "prometheus", scrape_interval_s=0.5) as server:
            server.wait_for_targets_up()

            assert server.query("x")[0]["value"][1] == "1"


@pytest.mark.needs("prometheus")
def test_promtool_distinguishes_valid_from_invalid_pages() -> None:
    good = "# HELP x_total Things.\n# TYPE x_total counter\nx_total 1\n"

    assert check_metrics(good) == ""
    assert "x" in check_metrics("# TYPE x counter\nx{ 1\n")


@pytest.mark.needs("serf")
def test_serf_agents_detect_each_other_and_a_death(start_serf: RunSerf) -> None:
    first = start_serf(name="a", encrypt_key=b"0123456789abcdef")
    second = start_serf(name="b", encrypt_key=b"0123456789abcdef", join=[first.address])
    first.wait_for_member("b", "alive")

    second.kill()

    first.wait_for_member("b", "failed")


@pytest.mark.needs("netns")
def test_hosts_reach_each_other_until_a_cable_is_cut(make_hosts: MakeHosts, tmp_path: Path) -> None:
    hosts = make_hosts(3)
    for host in hosts:
        server = host.start(
            ["busybox", "httpd", "-f", "-p", f"{host.address}:80"], log_file=tmp_path / host.name
        )
        server.wait_for_port(80, host.address)
    one, two, three = hosts

    hosts.cut(three)
    assert reaches(one.command, two.address)
    assert not reaches(one.command, three.address)
    assert not answers(three.address, 80)

    hosts.heal()
    assert reaches(one.command, three.address)
    hosts.cut_one_way(one, two)
    assert not reaches(one.command, two.address)
    assert reaches(three.command, two.address)

    hosts.heal()
    assert reaches(one.command, two.address)


def reaches(command: Callable[[list[str]], list[str]], address: str) -> bool:
    asked = command(["busybox", "timeout", "1", "busybox", "nc", "-w", "1", address, "80"])
    return subprocess.run(asked, check=False, capture_output=True, timeout=10).returncode == 0


@pytest.mark.needs("netns")
def test_hosts_leave_nothing_behind(tmp_path: Path) -> None:
    from rigs.netns import network_hosts

    with network_hosts(2) as hosts:
        process = hosts[0].start(["sleep", "60"], log_file=tmp_path / "log")
        namespaces = [host.namespace for host in hosts]
        own_interface = namespaces[0].partition("-")[0]
        assert own_interface in interfaces()

    assert not process.is_running
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True)
    assert not [name for name in namespaces if name in listed.stdout]
    assert own_interface not in interfaces()
