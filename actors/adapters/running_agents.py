"""The agents that run on this host, by the titles of their first processes."""

from __future__ import annotations

import pwd
from pathlib import Path

from constellation.value import Value

_TITLE = b"constellation: "
PROCESSES_MAX = 100_000
SHOWN_MAX = 3


class RunningAgent(Value):
    """One agent: its node's name, its first process, and the user it runs as."""

    node: str
    process_id: int
    user: str


def running_agents(proc: Path = Path("/proc")) -> tuple[RunningAgent, ...]:
    """Return the agents that this user can see."""
    found = []
    for count, entry in enumerate(proc.iterdir()):
        if count >= PROCESSES_MAX:
            break
        if entry.name.isdigit() and (node := _node_of(entry)):
            try:
                user_id = entry.stat().st_uid
            except OSError:
                continue  # it has ended
            found.append(RunningAgent(node, int(entry.name), _user(user_id)))
    return tuple(sorted(found, key=lambda agent: agent.process_id))


def other_agents() -> str:
    """Return which agents run on this host, for people; empty: none that this user can see."""
    found = running_agents()
    if not found:
        return ""
    named = [f"{one.node} (process {one.process_id}, user {one.user})" for one in found]
    more = f" and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    return f"an agent runs on this host: {', '.join(named[:SHOWN_MAX])}{more}"


def _node_of(process: Path) -> str:
    """Return the node whose agent this process is the first of; empty: none's."""
    try:
        title = (process / "cmdline").read_bytes().rstrip(b"\0 ")
    except OSError:
        return ""
    # The title of an actor goes on with its name; another program's has its arguments after NULs.
    node = title.removeprefix(_TITLE)
    return node.decode(errors="replace") if title != node and b" " not in node else ""


def _user(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
