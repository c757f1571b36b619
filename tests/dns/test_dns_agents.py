"""Three agents and Cloudflare: who writes, how soon, and what stays as it is."""

from __future__ import annotations

import contextlib
import http.server
import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from rigs import relay
from rigs.agents import Agent, agents, agents_on, start_all
from rigs.cloudflare import TOKEN, Call, Cloudflare, Fault, cloudflare
from rigs.fixtures import MakeHosts, StartBackend
from rigs.ports import free_port
from rigs.processes import wait_until
from rigs.raft_lab import lease_holders, wait_for_leader, wait_for_voters

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DOMAIN = "home.example"
INTERVAL_S = 10.0
ADDRESS = {"alpha": "203.0.113.1", "beta": "203.0.113.2", "gamma": "203.0.113.3"}


@pytest.fixture
def api() -> Iterator[Cloudflare]:
    with cloudflare() as made:
        yield made


@pytest.fixture
def zone(api: Cloudflare) -> str:
    return api.add_zone(DOMAIN)


@pytest.fixture
def three(tmp_path: Path, api: Cloudflare, zone: str) -> Iterator[list[Agent]]:
    """Three agents that keep the zone, once they have written it."""
    each = [settings_of(name, api, zone) for name in ADDRESS]
    with agents(tmp_path, 3, settings=each, start=False) as nodes:
        start_all(nodes)
        wait_for_voters(nodes, [agent.name for agent in nodes])
        wait_until(lambda: is_right(api, zone, nodes), timeout_s=40, what="the records")
        yield nodes


def settings_of(name: str, api: Cloudflare, zone: str) -> dict[str, Any]:
    access = {"base_url": api.url, "api_token": TOKEN}
    dns = {
        "zones": [{"name": DOMAIN, "id": zone}],
        "addresses": [ADDRESS[name]],
        "interval_s": INTERVAL_S,
        "cloudflare": access,
    }
    return {"domain": DOMAIN, "raft": {"bootstrap_expect": 3}, "dns": dns}


def contents(api: Cloudflare, zone: str) -> dict[str, list[str]]:
    """Return the addresses at each name."""
    found: dict[str, list[str]] = {}
    for record in api.records(zone):
        found.setdefault(record["name"], []).append(record["content"])
    return found


def expected(leader: str) -> dict[str, list[str]]:
    own = {f"*.{name}.{DOMAIN}": [address] for name, address in ADDRESS.items()}
    return {DOMAIN: [ADDRESS[leader]], f"*.{DOMAIN}": [ADDRESS[leader]], **own}


def is_right(api: Cloudflare, zone: str, nodes: list[Agent]) -> bool:
    leader = lease_holders(nodes[0]).get("lb-leader", "")
    return bool(leader) and contents(api, zone) == expected(leader)


def named(api: Cloudflare, zone: str) -> set[str]:
    """Return the addresses to which the domain and the wildcard point."""
    found = contents(api, zone)
    return {address for name in (DOMAIN, f"*.{DOMAIN}") for address in found.get(name, ())}


def writer_of(nodes: list[Agent]) -> Agent:
    name = lease_holders(nodes[0])["dns-writer"]
    return next(agent for agent in nodes if agent.name == name)


def report(agent: Agent, *words: str) -> dict[str, Any]:
    done = agent.run_command("dns", *words, "--json")
    assert done.returncode in {0, 2}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.scenario(28)
def test_the_record_follows_a_leader_that_was_killed_with_one_list_and_one_change(
    api: Cloudflare, zone: str, three: list[Agent]
) -> None:
    leader = wait_for_leader(three)
    survivors = [agent for agent in three if agent is not leader]
    api.forget_calls()
    leader.process.kill_session()
    wait_until(
        lambda: contents(api, zone)[DOMAIN] != [ADDRESS[leader.name]],
        timeout_s=20,
        what="the record of the next leader",
    )
    assert is_right(api, zone, survivors)
    assert [call.what for call in api.calls][:2] == ["list", "batch"]
    assert len(api.calls_of("batch")) == 1


@pytest.mark.scenario(29)
def test_failures_of_the_api_are_outlasted_without_a_call_too_early(
    api: Cloudflare, zone: str, three: list[Agent]
) -> None:
    (apex,) = [one for one in api.records(zone) if one["name"] == DOMAIN]
    api.plant(Fault(status=502, body="<html>502</html>"), times=2)
    api.plant(Fault(status=429, code=971, retry_after_s=4.0))
    api.plant(Fault(cuts=True, only=frozenset({"batch"})))
    api.plant(Fault(is_unsuccessful=True, only=frozenset({"batch"})))
    api.plant(Fault(at="after", cuts=True, only=frozenset({"batch"})))
    api.forget_calls()
    api.edit(zone, apex["id"], content="198.51.100.1")
    wait_until(
        lambda: is_right(api, zone, three) and len(api.calls_of("batch")) >= 3,
        timeout_s=60,
        what="the record after all failures",
    )
    limited = next(number for number, call in enumerate(api.calls) if call.status == 429)
    after = api.calls[limited + 1 :]
    assert all(call.at_s >= api.calls[limited].at_s + 4.0 for call in after)
    assert len(api.records(zone)) == 5


@pytest.mark.scenario(30)
def test_an_edited_record_is_put_right_and_one_of_others_is_reported(
    api: Cloudflare, zone: str, three: list[Agent]
) -> None:
    (ours,) = [one for one in api.records(zone) if one["name"] == f"*.{DOMAIN}"]
    mail = api.add(zone, name=DOMAIN, type="A", content="198.51.100.9", comment="mail server")
    api.edit(zone, ours["id"], content="198.51.100.1")
    other = next(agent for agent in three if agent is not writer_of(three))
    planned = report(other, "plan")
    assert ("update", f"*.{DOMAIN}") in rows(planned)
    assert ("foreign", DOMAIN) in rows(planned)
    assert planned["zones"][0]["state"] == "differs"
    assert contents(api, zone)[f"*.{DOMAIN}"] == ["198.51.100.1"]
    applied = report(other, "apply")
    assert applied["writer"] == writer_of(three).name
    assert contents(api, zone)[f"*.{DOMAIN}"] == [ADDRESS[applied["leader"]]]
    assert mail in api.records(zone)
    assert "dns_drift" in {row["what"] for row in events(writer_of(three))}


def rows(found: dict[str, Any]) -> set[tuple[str, str]]:
    return {(row["action"], row["name"]) for part in found["zones"] for row in part["rows"]}


def events(agent: Agent) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(agent.run_command("events", "--json").stdout)["events"]
    return found


def test_only_the_node_that_writes_runs_the_process_of_the_provider(
    api: Cloudflare, zone: str, three: list[Agent]
) -> None:
    writer = writer_of(three)
    assert [agent for agent in three if agent.process_id_of("dns-provider")] == [writer]
    writer.process.kill_session()
    wait_until(lambda: not writer.process_ids(), timeout_s=5, what="all its processes to end")


def test_the_record_leaves_a_leader_whose_traefik_ends_while_its_agent_lives(
    tmp_path: Path, api: Cloudflare, zone: str, start_backend: StartBackend
) -> None:
    points = {name: start_backend(name) for name in ADDRESS}
    each = [
        {**settings_of(name, api, zone), "traefik": {"probe": [f"127.0.0.1:{port}"]}}
        for name, (_, port) in points.items()
    ]
    for settings in each:
        settings["dns"]["interval_s"] = 600.0  # no comparison without a reason is counted
    with agents(tmp_path, 3, settings=each) as nodes:
        wait_until(lambda: is_right(api, zone, nodes), timeout_s=40, what="the records")
        leader = lease_holders(nodes[0])["lb-leader"]
        api.forget_calls()
        points[leader][0].kill()
        wait_until(
            lambda: named(api, zone).isdisjoint({ADDRESS[leader]}),
            timeout_s=10,
            what=lambda: f"the record of another node than {leader}",
        )
        assert is_right(api, zone, nodes)
        assert [call.what for call in api.calls] == ["list", "batch"]


def test_the_record_follows_the_public_address_of_the_leader(
    tmp_path: Path, api: Cloudflare, zone: str
) -> None:
    said = {"alpha": "9.9.9.1", "beta": "9.9.9.2", "gamma": "9.9.9.3"}
    with address_source(said) as url:
        each = [settings_of(name, api, zone) for name in ADDRESS]
        for name, settings in zip(ADDRESS, each, strict=True):
            settings["dns"] |= {
                "addresses": [],
                "address_sources": [f"{url}/{name}"],
                "address_sources_agreeing": 1,
                "address_interval_s": 10.0,
            }
        with agents(tmp_path, 3, settings=each) as nodes:
            wait_until(
                lambda: len(contents(api, zone)) == 5 and named(api, zone) <= {*said.values()},
                timeout_s=40,
                what=lambda: f"the records of the nodes: {contents(api, zone)}",
            )
            leader = lease_holders(nodes[0])["lb-leader"]
            said[leader] = "9.9.9.9"
            wait_until(
                lambda: named(api, zone) == {"9.9.9.9"},
                timeout_s=25,
                what=lambda: f"the new address of {leader}: {contents(api, zone)}",
            )
            others = {f"*.{name}.{DOMAIN}": [said[name]] for name in ADDRESS}
            assert others.items() <= contents(api, zone).items()


@contextlib.contextmanager
def address_source(said: Mapping[str, str]) -> Iterator[str]:
    """Answer each node's path with the address that `said` has for the node."""

    class Source(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said[self.path.strip("/")].encode())

        def log_message(self, *_of_request: object) -> None:
            """Print nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Source) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.needs("netns")
def test_a_leader_that_only_the_other_nodes_do_not_reach_writes_nothing_any_more(
    tmp_path: Path, make_hosts: MakeHosts
) -> None:
    hosts = make_hosts(3)
    with cloudflare(hosts.observer) as api:
        zone = api.add_zone(DOMAIN)
        each = [settings_of(name, api, zone) for name in ADDRESS]
        for name, settings, host in zip(ADDRESS, each, hosts, strict=True):
            # The token is sent over plain HTTP to loopback only.
            ends = ("127.0.0.1", str(api.port), api.host, str(api.port))
            command = [sys.executable, relay.__file__, *ends]
            host.start(command, log_file=tmp_path / f"{name}-relay.log")
            token = f"{name}-{TOKEN}"
            api.rights[token] = frozenset({"read", "edit"})
            settings["dns"]["cloudflare"] = {
                "base_url": api.url.replace(api.host, "127.0.0.1"),
                "api_token": token,
            }
        with agents_on(hosts, tmp_path, each) as nodes:
            wait_until(lambda: is_right(api, zone, nodes), timeout_s=40, what="the records")
            leader = writer_of(nodes)
            others = [agent for agent in nodes if agent is not leader]
            (cut_off,) = [host for host in hosts if host.address == leader.address]
            api.forget_calls()
            hosts.cut_between([cut_off], [host for host in hosts if host is not cut_off])
            wait_until(lambda: is_followed(api, zone, others), timeout_s=30, what="the next leader")
            new = writer_of(others).name
            assert {token_of(call) for call in api.calls_of("batch")} == {f"{new}-{TOKEN}"}
            api.forget_calls()
            (apex,) = [one for one in api.records(zone) if one["name"] == DOMAIN]
            api.edit(zone, apex["id"], content="198.51.100.1")  # for whoever believes to write
            began_s = time.monotonic()
            wait_until(
                lambda: time.monotonic() > began_s + INTERVAL_S and is_right(api, zone, others),
                timeout_s=3 * INTERVAL_S,
                what=lambda: f"the edited record to be put right: {contents(api, zone)}",
            )
            assert {token_of(call) for call in api.calls} == {f"{new}-{TOKEN}"}
            assert not leader.process_id_of("dns-provider")


def is_followed(api: Cloudflare, zone: str, others: list[Agent]) -> bool:
    return named(api, zone) <= {ADDRESS[agent.name] for agent in others}


def token_of(call: Call) -> str:
    return dict(call.authentication)["authorization"].removeprefix("Bearer ")
