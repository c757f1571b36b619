"""What is published and reported of all gateways of this node.

A node publishes the result of the first probe, and then what changes.  If Docker does not answer, a
gateway keeps its last state, like a service: only one without any becomes `unknown`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from constellation.effects import Note, Send
from constellation.warp.gateways import GATEWAYS_MAX, missing
from constellation.warp.probe import unhealthy
from messages.gossip import RecordPublish, RecordWithdraw
from messages.warp import WarpState, WarpStep
from messages.wellness import TROUBLES_MAX, Trouble, TroublesReported

T = TypeVar("T")

Effect = Send | Note

_FIXES: dict[WarpStep, str] = {
    "docker": "see what `constellation status` says of docker",
    "container": "start it, or correct warp.gateways",
    "exec": "let the agent run commands in it: a socket proxy must pass POST of "
    "/containers/.../exec and /exec",
    "client": "add curl or wget to its image",
    "egress": "see the logs of the container; restarts do not cure a failed registration",
    "page": "if the page has moved, set warp.trace_urls",
    "warp": "see the logs of the container, and `warp-cli status` in it; restarts do not cure a "
    "failed registration",
    "leak": "stop the services that need WARP, and see the routes in the container",
    "address": "let this host reach warp.trace_urls or warp.address_urls",
}


class Watch:
    """The states of the gateways in `targets`, names or labels, by the name of the container."""

    def __init__(self, actor: str, targets: Sequence[str]) -> None:
        self._actor = actor
        self._targets = tuple(targets)
        self.states: dict[str, WarpState] = {}
        self._reported = self._troubles()

    @property
    def is_well(self) -> bool:
        """All gateways are healthy."""
        return all(state.health == "healthy" for state in self.states.values())

    def judged(self, states: Iterable[WarpState]) -> list[Effect]:
        """Take the states after a round; gateways that are not among them are gone."""
        now = {state.gateway: state for state in states}
        gone = self.states.keys() - now.keys()
        changed = [state for name, state in now.items() if state != self.states.get(name)]
        effects: list[Effect] = [
            _note(state) for state in changed if not self._is_of_same_health(state)
        ]
        self.states = now
        effects += [Send("gossip", RecordWithdraw(kind="warp", key=one)) for one in sorted(gone)]
        if changed:
            effects.append(Send("gossip", RecordPublish(warp_states=tuple(changed))))
        return effects + self._report()

    def docker_away(self, why: str) -> list[Effect]:
        """Take that Docker does not answer: it says nothing about the gateways."""
        known = self.states or {
            target: WarpState(
                gateway=target[:128], health="unknown", reason=why[:512], step="docker"
            )
            for target in self._targets
        }
        return self.judged(known.values())

    def actor_up(self, name: str) -> list[Effect]:
        """Tell a neighbour that has started, and knows nothing."""
        if name == "gossip" and self.states:
            return [Send("gossip", RecordPublish(warp_states=tuple(self.states.values())))]
        if name == "admin":
            return [Send("admin", self._reported)]
        return []

    def _is_of_same_health(self, state: WarpState) -> bool:
        known = self.states.get(state.gateway)
        return known is not None and (known.health, known.step) == (state.health, state.step)

    def _report(self) -> list[Effect]:
        before, self._reported = self._reported, self._troubles()
        return [Send("admin", self._reported)] if self._reported != before else []

    def _troubles(self) -> TroublesReported:
        ill = [state for state in self.states.values() if state.health != "healthy"]
        notes = [
            state for state in self.states.values() if state.health == "healthy" and state.note
        ]
        found = (*map(_trouble, ill), *map(_hint, notes))
        return TroublesReported(actor=self._actor, troubles=found[:TROUBLES_MAX])


def not_found(target: str) -> WarpState:
    """Return the state of a target of which there is no container."""
    return unhealthy(target[:128], "container", missing(target))


def limited(gateways: Iterable[tuple[str, T]]) -> list[T]:
    """Return what is known of at most `GATEWAYS_MAX` gateways, each once, by name."""
    by_name = dict(gateways)
    return [by_name[name] for name in sorted(by_name)][:GATEWAYS_MAX]


def _note(state: WarpState) -> Note:
    fields = {"gateway": state.gateway, "step": state.step, "why": state.reason}
    if state.health == "healthy":
        fields = {"gateway": state.gateway, "egress_ip": state.egress_ip}
    level = "info" if state.health == "healthy" else "warning"
    return Note(f"warp_{state.health}", fields, level)


def _trouble(state: WarpState) -> Trouble:
    assert state.step
    word = "is unhealthy" if state.health == "unhealthy" else "cannot be probed"
    return Trouble(
        kind="warp",
        subject=state.gateway,
        what=f"the WARP gateway {state.gateway} {word}",
        why=state.reason,
        fix=_FIXES[state.step],
    )


def _hint(state: WarpState) -> Trouble:
    return Trouble(
        kind="warp",
        subject=state.gateway,
        what=f"the WARP gateway {state.gateway} is healthy",
        why=state.note,
        is_note=True,
    )
