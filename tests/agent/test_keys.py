"""The gossip keys of a whole cluster, changed by the operator without a restart."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rigs.agents import Agent, agents
from rigs.processes import wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[Agent]]:
    with agents(tmp_path, 3) as made:
        yield made


def run(agent: Agent, *words: str, stdin: str = "") -> tuple[int, str, str]:
    done = subprocess.run(
        agent.command("keys", *words),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def events_of(agent: Agent) -> list[dict[str, Any]]:
    done = subprocess.run(
        agent.command("events", "--json"), capture_output=True, timeout=30, check=True
    )
    events: list[dict[str, Any]] = json.loads(done.stdout)["events"]
    return events


def keys_of(agent: Agent) -> dict[str, list[str]]:
    """Return the keys of each node, as the operator is told on that one."""
    _, out, _ = run(agent, "list", "--json")
    nodes: list[dict[str, Any]] = json.loads(out)["nodes"] if out else []
    return {one["node"]: one["key_ids"] for one in nodes}


@pytest.mark.case("O2")
def test_rotation_without_two_nodes_is_refused_or_forced_and_holds_at_their_return(
    cluster: list[Agent],
) -> None:
    alpha, beta, gamma = cluster
    (old,) = set(map(tuple, keys_of(alpha).values()))
    for one in (beta, gamma):
        one.process.kill()
    # Nothing is changed without a node that is only suspected, nor without one that is dead.
    alpha.wait_for_members(alive=1)
    for _ in range(2):
        code, _, err = run(alpha, "rotate")
        assert (code, "beta, gamma cannot be reached" in err) == (1, True), err
        failed = lambda: len(alpha.events("member_failed")) == 2  # noqa: E731
        wait_until(failed, timeout_s=20, what="beta and gamma to be dead")
    assert keys_of(alpha) == {"alpha": list(old)}

    code, out, err = run(alpha, "rotate", "--force")

    assert code == 2, err
    assert [line.partition(":")[0].split(" ")[0] for line in err.splitlines()] == [
        "installing", "using", "removing",
    ]  # fmt: skip
    assert err.count("done on 1 of 3 nodes; not reached: beta, gamma") == 3
    (new,) = set(map(tuple, keys_of(alpha).values()))
    assert len(new) == 1
    assert new != old
    assert new[0] in out
    changes = [one["reason"] for one in events_of(alpha) if one["what"] == "keys_changed"]
    assert len(changes) == 3

    for one in (beta, gamma):  # each with the old key, and they are the majority
        one.start(wait=False)
    for one in cluster:
        one.wait_for_members(alive=3, timeout_s=60)
    assert keys_of(gamma) == {name: list(new) for name in ("alpha", "beta", "gamma")}
    assert "keys_changed" in {one["what"] for one in events_of(beta)}

    for agent in cluster:
        assert agent.stop() == 0
    for agent in cluster:
        agent.start(wait=False)
    alpha.wait_for_members(alive=3, timeout_s=30)
    assert keys_of(alpha) == {name: list(new) for name in ("alpha", "beta", "gamma")}


def test_given_key_is_installed_and_a_wrong_order_names_the_remedy(
    cluster: list[Agent],
) -> None:
    alpha, beta, _ = cluster
    secret = "5e" * 32

    code, out, err = run(alpha, "install", "--stdin", stdin=f"{secret}\n")
    assert (code, err) == (0, "")
    (lines,) = [line for line in out.splitlines() if " - " in line]
    new = lines.split()[0]
    first = keys_of(beta)["beta"][0]

    code, out, err = run(beta, "remove", first)
    assert (code, err) == (2, "")
    assert "use another one before removing it" in " ".join(out.split())
    assert run(beta, "use", "ffff")[0] == 2
    assert run(alpha, "use", new[:6])[0] == 0
    assert run(alpha, "remove", first)[0] == 0
    assert keys_of(beta) == {name: [new] for name in ("alpha", "beta", "gamma")}
    assert run(alpha, "install", "--stdin", stdin="not a key\n")[::2] == (
        1,
        "constellation: the input is not a key: it must be 64 hexadecimal digits\n",
    )
    for agent in cluster:
        assert secret not in agent.log()
