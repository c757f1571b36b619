"""Tailscale actor: queries tailscaled periodically, and sends other actors what it finds."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from prometheus_client import Counter, Gauge

from actors import node
from actors.adapters.tailscale import ask_tailscale
from actors.async_shell import AsyncShell
from actors.daemon_thread import in_thread
from constellation.errors import AdapterError
from constellation.tailscale.condition import STATES
from constellation.tailscale.discovery import Discovery, Effect


class TailscaleActor(AsyncShell):
    """Translate answers of tailscaled to steps of the core."""

    async def run(self) -> None:
        settings = node.settings()
        self.discovery = Discovery(settings.bind_address, settings.tailscale.policy())
        self._make_metrics()
        self.started()
        while True:
            try:
                tailnet = await in_thread(lambda: ask_tailscale(settings.tailscale))
            except AdapterError as error:
                self._errors.inc()
                self._perform(self.discovery.unanswered(error.why, error.fix))
            else:
                self._perform(self.discovery.answered(tailnet, datetime.now(UTC).timestamp()))
            await asyncio.sleep(settings.tailscale.refresh_interval_s)

    def on_actor_up_async(self, name: str) -> None:
        self._perform(self.discovery.actor_up(name))

    def _perform(self, effects: list[Effect]) -> None:
        for effect in effects:
            self.perform(effect)
        self._report()

    def _make_metrics(self) -> None:
        registry = self.registry
        self._state = Gauge(
            "constellation_tailscale_state",
            "1 for the state of Tailscale on this host, 0 for the other states",
            ["state"],
            registry=registry,
        )
        self._peers = Gauge(
            "constellation_tailscale_peers", "Other machines of the tailnet", registry=registry
        )
        self._seeds = Gauge(
            "constellation_tailscale_seeds",
            "Machines of the tailnet that are seeds to join through",
            registry=registry,
        )
        self._key_expires = Gauge(
            "constellation_tailscale_key_expiry_timestamp_seconds",
            "When this machine's key expires, in Unix seconds; 0: never, or unknown",
            registry=registry,
        )
        self._errors = Counter(
            "constellation_tailscale_errors",
            "Queries that tailscaled did not answer",
            registry=registry,
        )

    def _report(self) -> None:
        discovery = self.discovery
        condition, tailnet = discovery.condition, discovery.tailnet
        for state in STATES:
            self._state.labels(state).set(condition is not None and condition.state == state)
        self._peers.set(len(tailnet.peers) if tailnet else 0)
        self._seeds.set(len(discovery.seeds or ()))
        self._key_expires.set(discovery.key_expires_utc_s or 0.0)
