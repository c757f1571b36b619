"""An agent keeps its records on a real name server, and leaves those of others there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rigs.agents import agents
from rigs.bind import HOST, KEY_ALGORITHM, KEY_NAME, bind
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.needs("named")]

DOMAIN, ADDRESS = "home.example", "203.0.113.1"


def test_the_records_of_a_cluster_of_one_node_are_answered_by_the_name_server(
    tmp_path: Path,
) -> None:
    with bind(tmp_path / "bind", zone=DOMAIN) as server:
        server.add(f"mail.{DOMAIN}", 300, "A", "198.51.100.9")
        key = tmp_path / "tsig"
        key.write_text(f"{server.key_secret}\n")
        key.chmod(0o600)
        access = {
            "server": HOST,
            "port": server.port,
            "key_name": KEY_NAME,
            "key_algorithm": KEY_ALGORITHM,
            "key_secret_file": str(key),
        }
        dns = {
            "provider": "rfc2136",
            "zones": [{"name": DOMAIN}],
            "addresses": [ADDRESS],
            "rfc2136": access,
        }
        settings = {"domain": DOMAIN, "raft": {"bootstrap_expect": 1}, "dns": dns}
        with agents(tmp_path, 1, settings=settings) as (agent,):
            names = [DOMAIN, f"shop.{DOMAIN}", f"shop.alpha.{DOMAIN}"]
            wait_until(
                lambda: all(server.answer(name, "A") == [f"60 A {ADDRESS}"] for name in names),
                timeout_s=30,
                what="the records",
            )
            found = json.loads(agent.run_command("dns", "plan", "--json").stdout)
            assert [zone["state"] for zone in found["zones"]] == ["in step"]
            assert {row["action"] for row in found["zones"][0]["rows"]} == {"keep"}
        assert server.answer(f"mail.{DOMAIN}", "A") == ["300 A 198.51.100.9"]
