"""The token of a running agent is nowhere where another user or a log could show it."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from rigs.agents import Agent, agents
from rigs.cloudflare import TOKEN, Cloudflare, Fault, cloudflare
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]

DOMAIN = "home.example"
PROVIDER = "dns-provider"


@pytest.fixture
def api() -> Iterator[Cloudflare]:
    with cloudflare() as made:
        made.add_zone(DOMAIN)
        yield made


def settings_of(api: Cloudflare) -> dict[str, object]:
    return {
        "domain": DOMAIN,
        "raft": {"bootstrap_expect": 1},
        "log": {"level": "debug"},
        "dns": {
            "zones": [{"name": DOMAIN}],
            "addresses": ["203.0.113.1"],
            "interval_s": 10.0,
            "cloudflare": {"base_url": api.url},
        },
    }


def where_the_token_is(agent: Agent) -> list[str]:
    """Return the places of the token, of those that a person or a program can look at."""
    places = {"log": agent.log().encode()}
    for process_id in agent.process_ids():
        for name in ("environ", "cmdline", "comm"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                places[f"/proc/{process_id}/{name}"] = Path(
                    f"/proc/{process_id}/{name}"
                ).read_bytes()
    for path in agent.directory.rglob("*"):
        if path.is_file():
            places[str(path)] = path.read_bytes()
    for page in ("/metrics", "/health"):
        places[page] = agent.get(page)[1]
    for words in (("dns", "--json"), ("status",)):
        done = agent.run_command(*words)
        places[" ".join(words)] = (done.stdout + done.stderr).encode()
    assert all(places[page] for page in ("log", "/metrics", "/health", "dns --json", "status"))
    return [place for place, content in places.items() if TOKEN.encode() in content]


def test_token_is_in_no_log_message_metric_process_or_file(tmp_path: Path, api: Cloudflare) -> None:
    with agents(tmp_path, 1, settings=settings_of(api), start=False) as (agent,):
        variables = ("CLOUDFLARE_API_TOKEN", "CONSTELLATION_DNS__CLOUDFLARE__API_TOKEN")
        agent.environment = {**dict.fromkeys(variables, TOKEN), "CLOUDFLARE_EMAIL": "x@y.example"}
        agent.start()
        wait_until(lambda: api.records(api.zone_ids[0]), timeout_s=30, what="the records")
        provider = agent.process_id_of(PROVIDER)
        assert provider
        assert where_the_token_is(agent) == []

        # What the API says is told, and a crash; neither is a way out.
        api.plant(Fault(status=400, code=6003, text=f"Invalid header: Bearer {TOKEN}"))
        agent.run_command("dns", "plan")
        os.kill(provider, signal.SIGSEGV)
        agent.run_command("dns", "plan")

        assert "Invalid header: Bearer ..." in agent.log()
        assert agent.process_id_of(PROVIDER) not in {0, provider}
        assert where_the_token_is(agent) == []
    assert all(
        dict(call.authentication) == {"authorization": f"Bearer {TOKEN}"} for call in api.calls
    )
