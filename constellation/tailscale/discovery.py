"""Turn successive answers of tailscaled into messages for other actors."""

from __future__ import annotations

from dataclasses import dataclass, field

from constellation.effects import Note, Send
from constellation.tailscale.condition import (
    TailscaleCondition,
    absent,
    condition_of,
    is_of_tailnet,
)
from constellation.tailscale.seeds import SeedPolicy, seed_hosts, seed_troubles
from constellation.tailscale.tailnet import Tailnet
from messages.admin import PartReported, PartState
from messages.base import Message
from messages.tailscale import SeedsFound
from messages.wellness import Trouble, TroublesReported

Effect = Send | Note

SEED_READERS = ("gossip", "http")
KEY_EXPIRES_SOON_S = 7 * 86_400.0
WHY_CHARACTERS_MAX = 512  # of PartReported


@dataclass
class Discovery:
    """One agent's view of its tailnet."""

    bind_address: str
    policy: SeedPolicy
    condition: TailscaleCondition | None = None  # None: no answer and no failure so far
    tailnet: Tailnet | None = None  # the last answer
    seeds: tuple[str, ...] | None = None  # None: unknown so far
    troubles: tuple[Trouble, ...] = ()  # with the machines that may be seeds
    _was_own: bool = False
    _warned_of_expiry_utc_s: float | None = field(default=None, repr=False)

    def answered(self, tailnet: Tailnet, now_utc_s: float) -> list[Effect]:
        """Handle an answer.  `now_utc_s` is wall-clock time, as is the key's expiry."""
        self.tailnet = tailnet
        self._was_own |= self.bind_address in tailnet.this.addresses
        effects = self._set_condition(
            condition_of(tailnet, self.bind_address, was_own=self._was_own)
        )
        if self.condition is not None and self.condition.state == "connected":
            effects += self._set_seeds(seed_hosts(tailnet, self.policy, self.bind_address))
            effects += self._set_troubles(seed_troubles(tailnet, self.policy, self.bind_address))
            effects += self._warn_of_expiry(tailnet.this.key_expires_utc_s, now_utc_s)
        elif self.condition is not None and self.condition.state == "other_network":
            effects += [*self._set_seeds(()), *self._set_troubles(())]
        # In any other condition the last seeds stay: they may become reachable again first.
        return effects

    def unanswered(self, why: str, fix: str) -> list[Effect]:
        """Handle a query that tailscaled did not answer."""
        self.tailnet = None
        effects = self._set_condition(absent(why, fix))
        if self.seeds is None:
            effects += self._set_seeds(
                ()
            )  # Tailscale may not be in use here: let readers not wait for it
        return effects

    def actor_up(self, name: str) -> list[Effect]:
        """Send an actor that has started or restarted what it must know."""
        if name == "admin" and self.condition is not None:
            return [Send("admin", self._part(self.condition)), Send("admin", self._report)]
        if name in SEED_READERS and self.seeds is not None:
            return [Send(name, SeedsFound(hosts=self.seeds))]
        return []

    @property
    def key_expires_utc_s(self) -> float | None:
        """When this machine's key expires; None: never, or unknown."""
        return self.tailnet.this.key_expires_utc_s if self.tailnet else None

    def _set_condition(self, condition: TailscaleCondition) -> list[Effect]:
        before, self.condition = self.condition, condition
        if before == condition:
            return []
        effects: list[Effect] = [Send("admin", self._part(condition))]
        if before is None or before.state != condition.state:
            effects.append(self._note(condition))
        return effects

    def _note(self, condition: TailscaleCondition) -> Note:
        if condition.state == "connected":
            return Note("tailscale_connected", {"address": self.bind_address})
        fields = {"state": condition.state, "why": condition.why, "fix": condition.fix}
        level = "warning" if self._is_needed(condition) else "info"
        return Note("tailscale_not_connected", fields, level)

    def _part(self, condition: TailscaleCondition) -> Message:
        state: PartState = "lost" if self._is_needed(condition) else "absent"
        if condition.state == "connected":
            state = "present"
        return PartReported(
            part="tailscale",
            state=state,
            why=condition.why[:WHY_CHARACTERS_MAX],
            fix=condition.fix[:WHY_CHARACTERS_MAX],
        )

    def _is_needed(self, condition: TailscaleCondition) -> bool:
        """Return whether this node is unreachable without Tailscale, so that an operator must act.

        If tailscaled never answered, the node may use another mesh, or run in a container that
        does not see tailscaled.
        """
        is_present = condition.state != "absent" and is_of_tailnet(self.bind_address)
        return self._was_own or is_present

    def _set_seeds(self, hosts: tuple[str, ...]) -> list[Effect]:
        if hosts == self.seeds:
            return []
        self.seeds = hosts
        message = SeedsFound(hosts=hosts)
        return [
            *(Send(reader, message) for reader in SEED_READERS),
            Note("tailscale_seeds", {"count": len(hosts)}),
        ]

    def _set_troubles(self, troubles: tuple[Trouble, ...]) -> list[Effect]:
        if troubles == self.troubles:
            return []
        self.troubles = troubles
        notes = [
            Note("tailscale_seeds_missing", {"what": one.what, "why": one.why}, "warning")
            for one in troubles
        ]
        return [Send("admin", self._report), *notes]

    @property
    def _report(self) -> TroublesReported:
        return TroublesReported(actor="tailscale", troubles=self.troubles)

    def _warn_of_expiry(self, expires_utc_s: float | None, now_utc_s: float) -> list[Effect]:
        """Warn once of each expiry that is near."""
        if expires_utc_s is None or expires_utc_s == self._warned_of_expiry_utc_s:
            return []
        left_s = expires_utc_s - now_utc_s
        if left_s > KEY_EXPIRES_SOON_S:
            return []
        self._warned_of_expiry_utc_s = expires_utc_s
        fix = (
            "run `tailscale up --force-reauth` before then, or disable key expiry for this machine"
        )
        fields = {"left_s": round(left_s), "fix": fix}
        return [Note("tailscale_key_expires_soon", fields, "warning")]
