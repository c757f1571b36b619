"""The node's HTTP listener: follows the cluster, builds what Traefik polls, and serves it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from msgspec.structs import asdict

from actors import node
from actors.adapters.http_server import HttpAnswer, HttpLimits, HttpRequest, HttpServer
from actors.adapters.last_good_file import FILE_NAME, load_last_good, save_last_good
from actors.adapters.retried_save import RetriedSave
from actors.async_shell import Reply
from actors.daemon_thread import in_thread
from actors.http.ingress import IngressWatch
from actors.http.large_build import build_large
from actors.http.metrics import HttpMetrics
from actors.http.pages import METRICS, HttpPages
from actors.http.routes import answer
from actors.http.scraping import Scraper
from actors.http.wellness import HttpWellness
from actors.lease_holder import AsyncLeaseHolderShell
from actors.metrics_report import metrics_report
from constellation.cluster_view import ClusterView
from constellation.errors import AdapterError
from constellation.leases.policy import LB_LEADER
from constellation.log import get_logger
from constellation.metrics.exposition import ReportBook
from constellation.saving import Saving
from constellation.settings.agent import Settings
from constellation.traefik.ages import Ages
from constellation.traefik.candidate import Candidate, unable
from constellation.traefik.last_good import LastGood
from constellation.traefik.provider import TraefikProvider
from constellation.traefik.rejection import Rejection
from constellation.traefik.settling import Phase
from messages.base import Message
from messages.gossip import ClusterChanged
from messages.metrics import MetricsReport, MetricsRequest
from messages.routes import ExplainRequest, RejectedRequest, RoutesHealthRequest
from messages.tailscale import SeedsFound
from messages.wellness import ClusterJudged, Trouble, TroublesReported

log = get_logger(__name__)

BUILD_SPACING_S = 0.05  # changes come in bursts: one build covers all that arrive meanwhile
SAVE_SPACING_S = 1.0
STOP_SAVE_TIMEOUT_S = 1.0  # a stop does not wait longer for an attempt that hangs
LISTEN_RETRY_S = 2.0
REJECTED_LOGGED_MAX = 20  # of one build


class HttpActor(AsyncLeaseHolderShell):
    """Follows the cluster, and serves the configuration that is built from it."""

    def __init__(self) -> None:
        super().__init__()
        self.metrics = HttpMetrics(self.registry)
        self.provider: TraefikProvider | None = None
        self.pages: HttpPages | None = None
        self.wellness: HttpWellness | None = None
        self.scraper: Scraper | None = None
        self.ingress: IngressWatch | None = None
        self._ages = Ages()
        self._saved = Saving(
            "the last good routes", consequence="a restart of the agent begins with older routes"
        )
        self._unsaved: LastGood | None = None
        self._save_due = asyncio.Event()
        self._logged_rejected: frozenset[Rejection] = frozenset()
        self._of_listener: tuple[Trouble, ...] = ()
        self._troubles: tuple[Trouble, ...] = ()  # all, as `admin` knows them
        self._listens = False
        self._is_ending = False
        self._wanted_without: tuple[str, ...] | None = None  # see `unable`; None: not wanted
        self._no_candidate = "it has just started"
        self._changed = asyncio.Event()
        self._building = asyncio.Lock()
        self._writing = threading.Lock()

    def on_start(self) -> None:
        super().on_start()
        self.follow_cluster()

    def on_stop(self) -> None:
        self._is_ending = True
        super().on_stop()

    async def run(self) -> None:
        settings = node.settings()
        self._path = Path(settings.data_dir) / FILE_NAME
        last_good = _load(self._path, settings.traefik.last_good_expiry_s)
        self.provider = TraefikProvider(
            settings=settings.traefik,
            domain=settings.domain,
            expects_others=_names_others(settings) or settings.discovers_in_tailnet,
            last_good=last_good,
        )
        self.wellness = HttpWellness(
            settings, self.provider, self.now_s(), is_behind=lambda: self.view.gap
        )
        self.ingress = IngressWatch(
            self.wellness.traefik, self.metrics, self._tell_admin, self._ingress_changed
        )
        reports = ReportBook()
        self.scraper = Scraper(reports, self._ask_for_metrics)
        self.pages = HttpPages(
            settings.node_name,
            self.provider,
            reports,
            self.metrics,
            self.wellness,
            own_report=partial(metrics_report, self.name, self.registry),
        )
        http = settings.http
        limits = HttpLimits(
            http.requests_max,
            http.head_timeout_s,
            http.idle_timeout_s,
            own_hosts=(f".{settings.domain}", *http.allowed_hosts),
        )
        server = HttpServer(self._page, limits, self.metrics.count_client_fault)
        self.started()
        try:
            await asyncio.gather(
                self._listen(server, settings.http_bind_address, http.port),
                self._build_for_ever(self.provider, self.pages),
                self._save_for_ever(RetriedSave("the last good routes", self._save, last_good)),
                self.ingress.run(),
            )
        finally:
            await server.stop()
            self._save_at_stop()

    def on_actor_up_async(self, name: str) -> None:
        if name == "gossip" and self.provider is not None:
            self.provider.gossip_started()
        if name == "admin":
            if self._troubles:
                self._repeat_troubles()
            if self._saved.is_failing:
                self.post_soon("admin", self._saved.part)
            if self.ingress is not None:
                self.ingress.repeat()

    def on_cluster_changed_async(self, view: ClusterView, change: ClusterChanged) -> None:
        if self.provider is not None:
            self._ages.record(change, self.now_s())
            self.provider.cluster_changed(view, is_snapshot=change.snapshot)
            self._changed.set()
            self._want_lb_leader()

    def on_message(self, message: Message, reply: Reply) -> None:
        match message:
            case SeedsFound() if self.provider is not None:
                self.provider.others_expected(_names_others(node.settings()) or bool(message.hosts))
                self._changed.set()
            case RoutesHealthRequest() if self.wellness is not None:
                is_building = self._building.locked()
                health = self.wellness.routes(
                    is_building=is_building, no_candidate=self._no_candidate
                )
                reply(health)
            case ClusterJudged() if self.wellness is not None:
                self.wellness.judged = message
            case ExplainRequest() | RejectedRequest() if self.pages is not None:
                self.spawn(self._answer(message, self.pages, reply), "answer")
            case MetricsReport() if self.scraper is not None:
                self.scraper.answered(message)
            case _:
                super().on_message(message, reply)

    async def _answer(
        self, message: ExplainRequest | RejectedRequest, pages: HttpPages, reply: Reply
    ) -> None:
        async with self._building:  # during a build the tables do not agree with one another
            reply(answer(message, pages, self._ages, self.now_s()))

    # The page of metrics.

    def _page(self, request: HttpRequest) -> HttpAnswer | Awaitable[HttpAnswer]:
        assert self.pages is not None, "made before the listener"
        return self._scraped(request) if request.path == METRICS else self.pages.answer(request)

    async def _scraped(self, request: HttpRequest) -> HttpAnswer:
        assert self.pages is not None, "made before the listener"
        assert self.scraper is not None, "made before the listener"
        await self.scraper.refresh()
        return self.pages.answer(request)

    def _ask_for_metrics(self, number: int) -> list[str]:
        """Ask every process of this node but this one; return their names."""
        request = MetricsRequest(number=number)
        names = [name for name in self.directory if name != self.name]
        for name in names:
            self.post_soon(name, request)
        if self.supervisor is not None:
            self.send_soon(self.supervisor, request)
        return [*names, "supervisor"]

    # Building.

    async def _build_for_ever(self, provider: TraefikProvider, pages: HttpPages) -> None:
        while True:
            await self._wait(provider)
            self._changed.clear()
            if provider.phase is Phase.WAITING:
                continue
            was_stale, phase = provider.is_stale, provider.phase
            started_at_s = self.now_s()
            async with self._building:
                if provider.builds_long:  # meanwhile the loop answers the supervisor and Traefik
                    await in_thread(partial(build_large, provider))
                is_new = provider.step(self.now_s())
            build_s = self.now_s() - started_at_s
            if was_stale and provider.configuration is not None:
                self.metrics.built(provider.configuration, build_s)
                self._log_rejected(provider.configuration.rejected)
            if provider.phase is not phase:
                log.info("routes_settled", phase=provider.phase.name.lower())
            if is_new:
                pages.body_changed(self.now_s())
                self._unsaved = provider.last_good(datetime.now(UTC).timestamp())
                self._save_due.set()
            self._want_lb_leader()
            # The longer a build takes, the longer the loop is left to requests.
            await asyncio.sleep(max(BUILD_SPACING_S, 3 * build_s))

    async def _wait(self, provider: TraefikProvider) -> None:
        """Return when something has changed or is due."""
        due_at_s = provider.due_at_s()
        wait_s = None if due_at_s is None else max(0.0, due_at_s - self.now_s())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._changed.wait()

    def _log_rejected(self, rejected: tuple[Rejection, ...]) -> None:
        """Log what was not left out before, up to a limit for each build."""
        new = sorted(set(rejected) - self._logged_rejected)
        self._logged_rejected = frozenset(rejected)
        for item in new[:REJECTED_LOGGED_MAX]:
            event = "label_will_not_work" if item.is_sent else "route_left_out"
            log.warning(event, **asdict(item.shown()))
        if len(new) > REJECTED_LOGGED_MAX:
            rest = len(new) - REJECTED_LOGGED_MAX
            log.warning("more_routes_left_out", count=rest, see="constellation rejected")

    # This node's Traefik, and the lease of who may be pointed to.

    def _tell_admin(self, message: Message) -> None:
        self.post_soon("admin", message)

    def _ingress_changed(self) -> None:
        self._post_troubles()
        self._want_lb_leader()

    def _want_lb_leader(self) -> None:
        """Want `lb-leader` while a request that arrives here gets somewhere."""
        self._no_candidate = self._candidate().why_not()
        without = None if self._no_candidate else unable(self.view)
        before, self._wanted_without = self._wanted_without, without
        if without is None:
            if before is not None:
                log.info("lb_leader_not_wanted", why=self._no_candidate)
                self.unwant_lease(LB_LEADER)
        elif without != before:
            self.want_lease(LB_LEADER, unable=without)

    def _candidate(self) -> Candidate:
        assert self.ingress is not None, "made before anything is built"
        settings = node.settings()
        return Candidate(
            is_allowed=settings.leases.lb_leader,
            listens=self._listens,
            has_routes=self.provider is not None and self.provider.served is not None,
            is_stopping=self._is_ending,
            own=self.view.nodes.get(settings.node_name),
            ingress=self.ingress.state,
            ingress_why=self.ingress.why_fails,
            must_work=bool(settings.traefik.probe),
        )

    # The last good body.

    async def _save_for_ever(self, saver: RetriedSave[LastGood | None]) -> None:
        while True:
            await self._save_due.wait()
            last_good, failures = self._unsaved, saver.failures
            if await saver.keep(last_good, self.now_s()) and last_good is self._unsaved:
                self._unsaved = None
                self._save_due.clear()
            self.metrics.saves_failed.inc(saver.failures - failures)
            self._report_save(saver.problem)
            await asyncio.sleep(SAVE_SPACING_S)

    def _report_save(self, problem: AdapterError | None) -> None:
        reports = self._saved.failed(problem) if problem else self._saved.succeeded()
        for report in reports:
            self.perform(report)
        self.unsaved.labels(FILE_NAME).set(self._saved.is_failing)

    def _save(self, last_good: LastGood | None) -> None:
        with self._writing:  # the temporary file has one name, and the actor may stop meanwhile
            if last_good is not None:
                save_last_good(self._path, last_good)

    def _save_at_stop(self) -> None:
        """Save what is not saved yet, unless the disk has failed or hangs."""
        if self._unsaved is None or self._saved.is_failing:
            return
        if not self._writing.acquire(timeout=STOP_SAVE_TIMEOUT_S):
            return
        try:
            save_last_good(self._path, self._unsaved)
        except AdapterError as error:
            self._report_save(error)
        finally:
            self._writing.release()

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
                    log.error("http_listen_failed", **fields)  # noqa: TRY400 - expected: no traceback
                self._report_listener(error)
                await asyncio.sleep(LISTEN_RETRY_S)
            else:
                log.info("http_listening", address=host, port=port)
                self._listens = True
                self._report_listener(None)
                self._changed.set()
                return

    def _report_listener(self, error: AdapterError | None) -> None:
        """Report that Traefik and Prometheus cannot ask this agent, or that they can again."""
        troubles = () if error is None else (_not_listening(error),)
        if troubles != self._of_listener:
            self._of_listener = troubles
            self._post_troubles()

    def _post_troubles(self) -> None:
        """Tell `admin` of all troubles, unless it knows them."""
        of_ingress = self.ingress.troubles if self.ingress is not None else ()
        troubles = (*self._of_listener, *of_ingress)
        if troubles != self._troubles:
            self._troubles = troubles
            self._repeat_troubles()

    def _repeat_troubles(self) -> None:
        self.post_soon("admin", TroublesReported(actor=self.name, troubles=self._troubles))


def _not_listening(error: AdapterError) -> Trouble:
    return Trouble(
        kind="ingress",
        subject="http",
        what=f"{error.what} does not work"[:256],
        why=f"{error.why}; Traefik and Prometheus get no answer"[:512],
        fix=f"{error.fix}; it is tried again"[:512],
    )


def _names_others(settings: Settings) -> bool:
    """Return whether the settings name another node to join through."""
    own = f"{settings.bind_address}:{settings.gossip.port}"
    return any(seed != own for seed in settings.gossip.seeds)


def _load(path: Path, expiry_s: float) -> LastGood | None:
    try:
        last_good = load_last_good(path)
    except AdapterError as error:
        log.warning("last_good_unusable", error=str(error))
        return None
    if last_good is None:
        return None
    age_s = datetime.now(UTC).timestamp() - last_good.saved_at_utc_s
    return last_good if age_s <= expiry_s else None
