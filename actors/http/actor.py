"""The node's HTTP listener: follows gossip, keeps the body that Traefik polls, and listens."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from actors import node
from actors.adapters.http_server import HttpLimits, HttpServer
from actors.adapters.last_good_file import FILE_NAME, load_last_good, save_last_good
from actors.async_shell import AsyncShell, Reply
from actors.daemon_thread import in_thread
from actors.http.large_build import build_large
from actors.http.metrics import HttpMetrics
from actors.http.pages import HttpPages
from actors.http.routes import answer
from actors.metrics_report import metrics_report
from constellation.errors import AdapterError
from constellation.log import get_logger
from constellation.metrics.exposition import ReportBook
from constellation.settings.agent import Settings
from constellation.traefik.ages import Ages
from constellation.traefik.last_good import LastGood
from constellation.traefik.provider import TraefikProvider
from constellation.traefik.rejection import Rejection
from constellation.traefik.settling import Phase
from messages.base import Message
from messages.gossip import ClusterChanged, ClusterSubscribe
from messages.metrics import MetricsReport
from messages.routes import ExplainRequest, RejectedRequest
from messages.tailscale import SeedsFound

log = get_logger(__name__)

BUILD_SPACING_S = 0.05  # changes come in bursts: one build for all that come meanwhile
SAVE_SPACING_S = 1.0
SUBSCRIBE_SPACING_S = 1.0
LISTEN_RETRY_S = 2.0
REPORTS_MISSED_MAX = 5
REJECTED_LOGGED_MAX = 20  # of one build


class HttpActor(AsyncShell):
    """Follow gossip's view of the cluster, and serve what is made of it."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics = HttpMetrics(self.registry)
        self.provider: TraefikProvider | None = None
        self.pages: HttpPages | None = None
        self._ages = Ages()
        self._subscribed_at_s = 0.0
        self._saved_at_s = 0.0
        self._unsaved: LastGood | None = None
        self._told_rejected: frozenset[Rejection] = frozenset()
        self._changed = asyncio.Event()
        self._building = asyncio.Lock()
        self._saving = threading.Lock()

    async def run(self) -> None:
        settings = node.settings()
        self._path = Path(settings.data_dir) / FILE_NAME
        self.provider = self._new_provider(settings)
        reports = ReportBook(REPORTS_MISSED_MAX * settings.metrics_interval_s)
        own = partial(metrics_report, self.name, self.registry)
        self.pages = HttpPages(settings.node_name, self.provider, reports, self.metrics, own)
        http = settings.http
        limits = HttpLimits(http.requests_max, http.head_timeout_s, http.idle_timeout_s)
        server = HttpServer(self.pages.answer, limits)
        self.started()
        try:
            await asyncio.gather(
                self._listen(server, settings.http_bind_address, http.port),
                self._build_for_ever(self.provider, self.pages),
            )
        finally:
            await server.stop()
            if self._unsaved is not None:
                self._save(self._unsaved)

    def on_actor_up_async(self, name: str) -> None:
        if name == "gossip" and self.provider is not None:
            self.provider.gossip_started()
            self._subscribe()

    def on_message(self, message: Message, reply: Reply) -> None:
        match message:
            case ClusterChanged() if self.provider is not None:
                self._ages.take(message, self.now_s())
                if not self.provider.apply(message):
                    self._subscribe_again()
                self._changed.set()
            case SeedsFound() if self.provider is not None:
                self.provider.others_expected(_names_others(node.settings()) or bool(message.hosts))
                self._changed.set()
            case ExplainRequest() | RejectedRequest() if self.pages is not None:
                self.spawn(self._answer(message, self.pages, reply), "answer")
            case MetricsReport() if self.pages is not None:
                self.pages.reports.add(message, self.now_s())
            case _:
                super().on_message(message, reply)

    async def _answer(
        self, message: ExplainRequest | RejectedRequest, pages: HttpPages, reply: Reply
    ) -> None:
        async with self._building:  # what is half built explains nothing
            reply(answer(message, pages, self._ages, self.now_s()))

    # Following the cluster.

    def _new_provider(self, settings: Settings) -> TraefikProvider:
        return TraefikProvider(
            settings=settings.traefik,
            domain=settings.domain,
            expects_others=_names_others(settings) or settings.discovers_in_tailnet,
            last_good=self._load(settings.traefik.last_good_expiry_s),
        )

    def _subscribe(self) -> None:
        self._subscribed_at_s = self.now_s()
        self.post_soon("gossip", ClusterSubscribe())

    def _subscribe_again(self) -> None:
        if self.now_s() >= self._subscribed_at_s + SUBSCRIBE_SPACING_S:
            self._subscribe()

    async def _build_for_ever(self, provider: TraefikProvider, pages: HttpPages) -> None:
        while True:
            await self._wait(provider)
            self._changed.clear()
            if provider.phase is Phase.WAITING:
                continue
            was_stale, phase = provider.is_stale, provider.phase
            started_at_s = self.now_s()
            async with self._building:
                if provider.builds_long:  # the supervisor, and Traefik, get answers meanwhile
                    await in_thread(partial(build_large, provider))
                is_new = provider.step(self.now_s())
            build_s = self.now_s() - started_at_s
            if was_stale and provider.configuration is not None:
                self.metrics.built(provider.configuration, build_s)
                self._tell_rejected(provider.configuration.rejected)
            if provider.phase is not phase:
                log.info("routes_settled", phase=provider.phase.name.lower())
            if is_new:
                pages.body_changed(self.now_s())
                self._unsaved = provider.last_good(datetime.now(UTC).timestamp())
            self._save_soon()
            # A build that takes long must leave the loop to requests for longer.
            await asyncio.sleep(max(BUILD_SPACING_S, 3 * build_s))

    def _tell_rejected(self, rejected: tuple[Rejection, ...]) -> None:
        """Log what was left out that was not before, so much that nobody is flooded."""
        new = sorted(set(rejected) - self._told_rejected)
        self._told_rejected = frozenset(rejected)
        for item in new[:REJECTED_LOGGED_MAX]:
            log.warning("route_left_out", **asdict(item))
        if len(new) > REJECTED_LOGGED_MAX:
            rest = len(new) - REJECTED_LOGGED_MAX
            log.warning("more_routes_left_out", count=rest, see="constellation rejected")

    async def _wait(self, provider: TraefikProvider) -> None:
        """Return when something has changed or is due."""
        now_s = self.now_s()
        dues_s = [now_s + SUBSCRIBE_SPACING_S, provider.due_at_s()]
        if self._unsaved is not None:
            dues_s.append(self._saved_at_s + SAVE_SPACING_S)
        wait_s = min(due_s for due_s in dues_s if due_s is not None) - now_s
        try:
            async with asyncio.timeout(max(0.0, wait_s)):
                await self._changed.wait()
        except TimeoutError:
            if provider.view.gap or (
                provider.phase is Phase.WAITING and "gossip" in self.directory
            ):
                self._subscribe_again()

    # The last good body.

    def _load(self, expiry_s: float) -> LastGood | None:
        try:
            last_good = load_last_good(self._path)
        except AdapterError as error:
            log.warning("last_good_unusable", error=str(error))
            return None
        if last_good is None:
            return None
        age_s = datetime.now(UTC).timestamp() - last_good.saved_at_utc_s
        return last_good if age_s <= expiry_s else None

    def _save_soon(self) -> None:
        if self._unsaved is None or self.now_s() - self._saved_at_s < SAVE_SPACING_S:
            return
        self._saved_at_s = self.now_s()
        unsaved, self._unsaved = self._unsaved, None
        self.spawn(self._save_in_thread(unsaved), "save")

    async def _save_in_thread(self, last_good: LastGood) -> None:
        await asyncio.to_thread(self._save, last_good)

    def _save(self, last_good: LastGood) -> None:
        try:
            with self._saving:
                save_last_good(self._path, last_good)
        except AdapterError as error:
            self.metrics.saves_failed.inc()
            fields = {"error": error.what, "why": error.why, "fix": error.fix}
            log.error("last_good_not_saved", **fields)  # noqa: TRY400 - foreseen: no traceback

    # Listening.

    async def _listen(self, server: HttpServer, host: str, port: int) -> None:
        failures_count = 0
        while True:
            try:
                await server.start(host, port)
            except AdapterError as error:
                failures_count += 1
                if failures_count == 1:
                    fields = {"error": error.what, "why": error.why, "fix": error.fix}
                    log.error("http_listen_failed", **fields)  # noqa: TRY400 - foreseen: no traceback
                await asyncio.sleep(LISTEN_RETRY_S)
            else:
                log.info("http_listening", address=host, port=port)
                return


def _names_others(settings: Settings) -> bool:
    """Return whether the settings name another node to join through."""
    own = f"{settings.bind_address}:{settings.gossip.port}"
    return any(seed != own for seed in settings.gossip.seeds)
