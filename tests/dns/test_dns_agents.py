"""Three agents and Cloudflare: who writes, how soon, and what stays as it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents, start_all
from rigs.cloudflare import TOKEN, Cloudflare, Fault, cloudflare
from rigs.processes import wait_until
from rigs.raft_lab import lease_holders, wait_for_leader, wait_for_voters

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DOMAIN = "home.example"
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
        "interval_s": 10.0,
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
    runs = {agent.name: provider_ids(agent) for agent in three}
    writer = writer_of(three)
    assert [name for name, ids in runs.items() if ids] == [writer.name]
    writer.process.kill_session()
    wait_until(lambda: not provider_ids(writer), timeout_s=5, what="its process to end")


def provider_ids(agent: Agent) -> list[int]:
    """Return the processes of the provider that an agent runs."""
    title = f"constellation: {agent.name} dns-provider".encode()
    return [
        number
        for number in agent.process_ids()
        if Path(f"/proc/{number}/cmdline").read_bytes().startswith(title)
    ]
