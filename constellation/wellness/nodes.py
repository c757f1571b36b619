"""Members of the cluster, agents that do not answer, and cordons."""

from __future__ import annotations

from collections.abc import Iterator

from constellation.admin.cordon import healthy_count
from constellation.admin.words import counted
from constellation.wellness.facts import Facts
from constellation.wellness.problem import Problem
from messages.gossip import MemberState

_WORDS = {
    "dead": "is dead: it does not respond",
    "suspect": "is suspected to be dead: it did not respond to the latest probes",
}


def in_state(facts: Facts, state: MemberState) -> Iterator[Problem]:
    """Yield the nodes that are dead, or suspected to be."""
    members = facts.view.members
    for name in sorted(members):
        if members[name].state == state:
            renamed = facts.renamed_to(name)
            known_as = f"; it is now called {renamed}" if renamed else ""
            yield Problem("node", f"node {name} {_WORDS[state]}{known_as}")


def silent(facts: Facts) -> Iterator[Problem]:
    """Yield the living nodes whose agent did not answer."""
    for name in facts.unanswered:
        member = facts.view.members.get(name)
        if member is None or member.state in {"alive", "left"}:  # else its state is reported
            text = f"node {name} is alive, but its agent did not report its status in time"
            yield Problem("node", text)


def left(facts: Facts) -> Iterator[Problem]:
    """Note the nodes that have left."""
    members = facts.view.members
    for name in sorted(members):
        if members[name].state == "left":
            renamed = facts.renamed_to(name)
            known_as = f": it is now called {renamed}" if renamed else ""
            yield Problem("node", f"node {name} has left the cluster{known_as}")


def cordoned(facts: Facts) -> Iterator[Problem]:
    """Recall an order that is easily forgotten."""
    view = facts.view
    for name in sorted(view.members):
        if view.is_cordoned(name) and view.members[name].state != "left":
            reason = view.nodes[name].cordon_reason
            why = f": {reason}" if reason else ""
            count = healthy_count(view, name)
            get = "gets" if count == 1 else "get"
            kept = (
                f"; {counted(count, 'service instance')} there {get} no requests" if count else ""
            )
            ends = f"`constellation uncordon {name}` ends it"
            yield Problem("node", f"node {name} is cordoned{why}{kept}; {ends}")
