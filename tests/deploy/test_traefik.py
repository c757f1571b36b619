"""Traefik as `deploy/traefik/` configures it, beside real agents."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import ssl
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from constellation.settings.traefik import TraefikSettings
from rigs import http_backend, shipped_traefik
from rigs.agents import agents_on
from rigs.availability import binary
from rigs.fixtures import MakeHosts
from rigs.netns import Host
from rigs.processes import Process, wait_until
from scripts.settings_reference import all_settings

TEXT = shipped_traefik.COMPOSE_FILE.read_text()
COMPOSE = yaml.safe_load(TEXT)
FILE = shipped_traefik.COMPOSE_FILE.with_name("traefik.yaml")
ADDRESS = "100.101.102.103"  # the example in comments

# Of the Compose Specification, as far as these files need it.
TOP_KEYS = {"name", "services", "volumes"}
SERVICE_KEYS = {
    "cap_add", "cap_drop", "command", "environment", "healthcheck", "image", "network_mode",
    "read_only", "restart", "security_opt", "stop_grace_period", "volumes",
}  # fmt: skip
HEALTHCHECK_KEYS = {"interval", "retries", "start_period", "test", "timeout"}


def commented(text: str, first: str) -> str:
    """Return the commented lines that begin with `first`, without the comment signs."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.strip() == f"# {first}")
    indent = lines[start].index("#")
    taken = []
    for line in lines[start:]:
        if not line[indent:].startswith("# "):
            break
        taken.append(line[:indent] + line[indent + 2 :])
    return "\n".join(taken)


def file_configuration(address: str) -> dict[str, Any]:
    """Return what `traefik.yaml` says, with its `constellation` entry point in."""
    text = FILE.read_text()
    entry_point = commented(text, "constellation:").replace(ADDRESS, address)
    configuration = yaml.safe_load(text)
    configuration["entryPoints"].update(yaml.safe_load(entry_point))
    return dict(configuration)


def flattened(value: Any, path: str = "-") -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from flattened(inner, f"{path}-{key}" if path == "-" else f"{path}.{key}")
    else:
        yield f"{path}={'true' if value == {} else value}".lower()


def test_the_compose_file_has_a_valid_form() -> None:
    service = shipped_traefik.service()

    assert set(COMPOSE) <= TOP_KEYS
    assert set(service) <= SERVICE_KEYS
    assert set(service["healthcheck"]) <= HEALTHCHECK_KEYS
    assert all(isinstance(flag, str) and flag.startswith("--") for flag in service["command"])
    assert {volume.split(":")[0] for volume in service["volumes"]} == set(COMPOSE["volumes"])
    assert service["network_mode"] == "host"
    assert "ports" not in service  # which Docker refuses in the host's network


def test_docker_compose_accepts_the_file_and_requires_the_address() -> None:
    known = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
    if not shutil.which("docker") or known.returncode:
        pytest.skip("docker compose is not installed")
    command = ["docker", "compose", "-f", str(shipped_traefik.COMPOSE_FILE), "config"]

    without = subprocess.run(command, capture_output=True, text=True, check=False, env={})
    complete = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"NODE_ADDRESS": ADDRESS}
    )

    assert (without.returncode, "tailscale ip -4" in without.stderr) == (15, True)
    assert complete.returncode == 0, complete.stderr


def test_the_address_is_required_where_it_is_used_first() -> None:
    asked = re.findall(r"\$\{NODE_ADDRESS:\?([^}]+)\}", TEXT)

    assert len(asked) == 1
    assert "address of this node in the tailnet" in asked[0]
    # It is exported where the operator also runs `constellation`, which refuses names of its own
    # that it does not know.
    assert not re.search(r"CONSTELLATION_\w+", TEXT)


def test_flags_and_file_are_the_same_configuration() -> None:
    of_file = flattened(file_configuration(ADDRESS))

    of_flags = [flag.lower() for flag in shipped_traefik.flags(address=ADDRESS)]
    assert sorted(of_file) == sorted(of_flags)


def test_the_settings_for_the_agent_are_valid() -> None:
    names = {setting.path for setting in all_settings()}
    used = set(re.findall(r"traefik\.[a-z_]+(?= = )", TEXT + FILE.read_text()))
    groups = re.findall(r"^#   (\w+) = (.+)$", TEXT, flags=re.MULTILINE)

    assert used >= {"traefik.entry_points", "traefik.cert_resolvers", "traefik.ingress_port"}
    assert used <= names
    values = {name: json.loads(value) for name, value in groups}
    settings = TraefikSettings(**values)
    assert settings.version == "3.7"
    assert settings.ingress_port == shipped_traefik.INGRESS_PORT
    of_http = {*settings.http_entry_points, settings.ingress_entry_point, "traefik"}
    assert entry_points(shipped_traefik.flags(address=ADDRESS)) == of_http
    assert entry_points(shipped_traefik.optional_flags()) - of_http == {
        "mongodb",
        "redis",
        "postgres",
        "mysql",
    }


def test_the_settings_in_the_runbook_are_valid() -> None:
    runbook = (shipped_traefik.COMPOSE_FILE.parent.parent / "README.md").read_text()
    part = runbook.partition("## Traefik on every node")[2].partition("\n## ")[0]
    (block,) = re.findall(r"```toml\n(.+?)```", part, flags=re.DOTALL)

    settings = TraefikSettings(**tomllib.loads(block)["traefik"])

    assert settings.ingress_port == shipped_traefik.INGRESS_PORT
    named = set(re.findall(r"`(\w+)(?: = [^`]+)?`", part)) & set(TraefikSettings.model_fields)
    assert named >= {"ingress_port", "entry_points", "cert_resolvers"}
    for assignment in re.findall(r"`(\w+ = [^`]+)`", part):
        TraefikSettings(**tomllib.loads(assignment))


def entry_points(flags: list[str]) -> set[str]:
    return {flag.split(".")[1] for flag in flags if flag.startswith("--entrypoints.")}


def test_the_dashboard_is_off() -> None:
    assert not [flag for flag in shipped_traefik.flags(address="x") if flag.startswith("--api")]
    assert "api" not in yaml.safe_load(FILE.read_text())


@pytest.mark.integration
@pytest.mark.slow
@pytest.mark.needs("traefik", "netns")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("form", ["flags", "file", "flags, with all that is optional"])
def test_requests_are_served_with_the_shipped_configuration(
    make_hosts: MakeHosts, tmp_path: Path, form: str
) -> None:
    hosts = make_hosts(2)
    near, far = hosts
    backend = [sys.executable, http_backend.__file__, "--name", "web-1", "--port", "8000"]
    far.start([*backend, "--host", far.address], log_file=tmp_path / "backend.log")
    settings: list[dict[str, Any]] = [
        {"http": {"bind_address": "127.0.0.1"}, "traefik": TRAEFIK},
        {"static_services": [{"name": "web", "address": f"{far.address}:8000", "check": "http"}]},
    ]
    with agents_on(hosts, tmp_path, settings, start=False) as agents:
        for agent in agents:
            agent.start()
        wait_until(lambda: polled(near), timeout_s=30, what="the agent to know the routes")
        traefik = start_traefik(near, form, tmp_path)

        traefik.wait_for(
            lambda: "web-1" in answer(near, tls=True), timeout_s=20, what="the route to web-1"
        )

        assert "web-1" in answer(near) or "optional" in form  # which sends it to HTTPS
        assert near.run([binary("traefik"), *health_check()]) != ""
        levels = [json.loads(line)["level"] for line in traefik.log_text().splitlines()]
        if "optional" not in form:  # which needs a certificate of Let's Encrypt
            assert listeners(near) == {
                "*:80", "*:443", "127.0.0.1:8082",
                f"{near.address}:{shipped_traefik.INGRESS_PORT}",
            }  # fmt: skip
            assert not {"error", "fatal", "panic"} & set(levels)
        else:
            ports = {int(listener.rpartition(":")[2]) for listener in listeners(near)}
            assert ports >= {27017, 6379, 5432, 3306}
        traefik.stop()


TRAEFIK = {
    "version": "3.7",
    "http_entry_points": ["web", "websecure"],
    "ingress_port": shipped_traefik.INGRESS_PORT,
}


def start_traefik(host: Host, form: str, tmp_path: Path) -> Process:
    if form == "file":
        file = tmp_path / "traefik.yaml"
        file.write_text(yaml.safe_dump(file_configuration(host.address)))
        arguments = [f"--configFile={file}"]
    else:
        arguments = shipped_traefik.flags(address=host.address, optional="optional" in form)
        arguments = [flag.replace("/acme/", f"{tmp_path}/") for flag in arguments]
    if "optional" in form:  # asks nobody for a certificate
        arguments.append("--certificatesresolvers.letsencrypt.acme.caserver=https://127.0.0.1:1/")
    return host.start(
        [binary("traefik"), *arguments],
        log_file=tmp_path / "traefik.log",
        env={"CF_DNS_API_TOKEN": "none"},
    )


def polled(host: Host) -> str:
    """Return what the agent of that host offers to its Traefik; empty: nothing yet."""
    url = "http://127.0.0.1:8081/api/dynamic"
    try:
        return host.run(["busybox", "wget", "-q", "-O", "-", url])
    except subprocess.CalledProcessError:  # 503
        return ""


def health_check() -> list[str]:
    """Return the arguments of the container's health check."""
    how, program, *arguments = shipped_traefik.service()["healthcheck"]["test"]
    assert (how, program) == ("CMD", "traefik")
    return list(arguments)


def answer(host: Host, *, tls: bool = False) -> str:
    connection: http.client.HTTPConnection
    if tls:
        anybody = ssl._create_unverified_context()  # its certificate is of its own making
        connection = http.client.HTTPSConnection(host.address, timeout=5, context=anybody)
    else:
        connection = http.client.HTTPConnection(host.address, timeout=5)
    with closing(connection):
        try:
            connection.request("GET", "/", headers={"Host": "web.localhost"})
            return connection.getresponse().read().decode()
        except OSError:
            return ""


def listeners(host: Host) -> set[str]:
    """Return where Traefik listens for TCP."""
    rows = [line.split() for line in host.run(["ss", "-Hltnp"]).splitlines()]
    return {row[3] for row in rows if "traefik" in row[-1]}
