"""The steps of the demonstration, and what must hold in each.  A step that fails raises.

Requests go through Traefik all the time.  None may fail, except those that begin within one second
of a kill: Traefik may take this long to learn of it, and longer on a slow machine.  Its retry
middleware hides most of these too.
"""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from demo.narration import Narrator
from demo.stage import HOST, NODES, Stage, stage, traefik_on
from rigs import patience
from rigs.agents import Agent
from rigs.load import Answer, Load
from rigs.processes import wait_until

GRACE_S = 1.0
ROUNDS_MAX = 60
ENTER = "Press Enter to go on."


def tell(directory: Path, narrator: Narrator) -> bool:
    """Run all steps; return False if a request failed outside the grace time."""
    with stage(directory) as made, contextlib.ExitStack() as stack:
        _start(made, narrator, stack)
        kills_s: list[float] = []
        with Load(made.traefik, HOST).running() as load:
            _serve_in_turn(made, narrator)
            narrator.ask(ENTER)
            _kill_service(made, narrator, kills_s)
            narrator.ask(ENTER)
            _kill_holder(made, narrator, kills_s)
        failed = [one for one in load.answers if not one.succeeded]
        late = [one for one in failed if not _within_grace(one, kills_s)]
        narrator.end(
            requests=len(load.answers),
            failed=len(late),
            failed_at_kills=len(failed) - len(late),
        )
        narrator.ask("Everything keeps running until you press Enter.")
        return not late


def _start(made: Stage, narrator: Narrator, stack: contextlib.ExitStack) -> None:
    with narrator.step("services_start", f"Starting {NODES} small HTTP services, one on each node"):
        for agent in made.agents:
            made.start_service(agent.name)
    with narrator.step("agents_start", f"Starting {NODES} agents"):
        for agent in made.agents:
            agent.start(wait=False)
        for agent in made.agents:
            agent.process.wait_for_line("agent_started", timeout_s=30.0)
    with narrator.step("agents_meet", "The agents discover each other by gossip"):
        for agent in made.agents:
            agent.wait_for_members(alive=NODES)
    with narrator.step(
        "leader_elected", "The agents elect a leader, and one node holds the lease"
    ) as result:
        result(_leases(made, made.wait_for_holder(among=made.agents)))
    with narrator.step("routes_ready", "Every agent serves routes to all services"):
        made.wait_for_routes(NODES, agents=made.agents)
    with narrator.step("traefik_ready", f"Starting a Traefik that polls {made.agents[0].name}"):
        stack.enter_context(traefik_on(made))
        made.wait_for_traefik(NODES)
    narrator.show(made)


def _serve_in_turn(made: Stage, narrator: Narrator) -> None:
    with narrator.step("served_in_turn", "Requests are served by all nodes in turn") as result:
        seen: dict[str, int] = {}
        for _ in range(ROUNDS_MAX):
            name = made.served_by()
            seen[name] = seen.get(name, 0) + 1
            if len(seen) >= NODES:
                break
        if len(seen) != NODES or not all(name.startswith("hello on ") for name in seen):
            raise AssertionError(f"{NODES} nodes should have served, but these did: {seen}")
        result(", ".join(seen))


def _kill_service(made: Stage, narrator: Narrator, kills_s: list[float]) -> None:
    victim = made.agents[1].name
    narrator.say(f"\nNow the service on {victim} is killed with SIGKILL.")
    with narrator.step("service_killed", "Every agent removes it from the routes"):
        kills_s.append(time.monotonic())
        made.services[victim].kill()
        made.wait_for_routes(NODES - 1, agents=made.agents)
    with narrator.step("service_out_of_traefik", "Traefik removes it too") as result:
        made.wait_for_traefik(NODES - 1)
        result(f"{NODES - 1} nodes keep serving")
    with narrator.step("service_healed", f"The service on {victim} is started again"):
        made.start_service(victim)
        made.wait_for_routes(NODES, agents=made.agents)
        made.wait_for_traefik(NODES)


def _kill_holder(made: Stage, narrator: Narrator, kills_s: list[float]) -> None:
    """Kill the node that holds the lease, but never the one that Traefik polls."""
    victim = made.wait_for_holder(among=made.agents)
    if victim is made.agents[0]:
        with narrator.step("leader_handed_over", f"{victim.name} transfers leadership") as result:
            victim.run_command("transfer", made.agents[2].name)
            victim = made.wait_for_holder(among=made.agents[1:])
            result(_leases(made, victim))
    others = [agent for agent in made.agents if agent is not victim]
    narrator.say(f"\nNow the agent and the service on {victim.name} are killed with SIGKILL.")
    with narrator.step("node_killed", "Gossip detects the death; its routes are removed"):
        kills_s.append(time.monotonic())
        made.services[victim.name].kill()
        victim.process.kill()
        made.wait_for_routes(NODES - 1, agents=others)
    with narrator.step("leases_moved", "Another node takes over the lease") as result:
        result(_leases(made, made.wait_for_holder(among=others)))
    with narrator.step("node_leaves_nothing", f"No process of {victim.name}'s agent is left"):
        wait_until(lambda: not victim.process_ids(), timeout_s=5, what="its actors to end")
    with narrator.step("node_out_of_traefik", "Traefik removes its routes too") as result:
        made.wait_for_traefik(NODES - 1)
        result(f"{NODES - 1} nodes keep serving")
    with narrator.step("node_healed", f"{victim.name} is started again"):
        made.start_service(victim.name)
        victim.start()
        for agent in made.agents:
            agent.wait_for_members(alive=NODES)
        made.wait_for_routes(NODES, agents=made.agents)
        made.wait_for_traefik(NODES)


def _leases(made: Stage, asked: Agent) -> str:
    return ", ".join(f"{name}: {holder}" for name, holder in sorted(made.leases(asked).items()))


def _within_grace(answer: Answer, kills_s: list[float]) -> bool:
    grace_s = GRACE_S * patience.current.factor
    return any(kill_s - 0.1 <= answer.began_s < kill_s + grace_s for kill_s in kills_s)
