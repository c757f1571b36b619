"""The HTTP listener over real HTTP, without an actor system."""

from __future__ import annotations

import gc
import http.client
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from actors import node
from actors.http import actor as http_actor
from actors.http.actor import HttpActor
from actors.http.scraping import TIMEOUT_S
from constellation.errors import AdapterError
from constellation.settings.agent import Settings
from constellation.settings.http import HttpSettings
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.last_good import LastGood
from constellation.wire import encode
from messages.admin import PartReported
from messages.gossip import ClusterChanged, ClusterSubscribe
from messages.metrics import (
    MetricFamily,
    MetricLabel,
    MetricSample,
    MetricsReport,
    MetricsRequest,
)
from messages.operator import Relayed
from messages.routes import (
    DnsLead,
    ExplainReport,
    ExplainRequest,
    NodeTrouble,
    RejectedReport,
    RejectedRequest,
    RoutesHealth,
    RoutesHealthRequest,
)
from messages.wellness import ClusterJudged, Trouble, TroublesReported
from tests.harness import Harness, messages_of
from tests.traefik.builders import on, snapshot, state
from tests.traefik.conftest import StartHttp, connects, free_port, stop, wait_until

UA = "Go-http-client/1.1"  # as Traefik's provider calls itself


def get(
    harness: Harness[HttpActor], path: str, *, method: str = "GET", accept: str = "*/*"
) -> tuple[int, bytes, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", node.settings().http.port, timeout=5)
    try:
        connection.request(method, path, headers={"Accept": accept, "User-Agent": UA})
        response = connection.getresponse()
        return response.status, response.read(), dict(response.getheaders())
    finally:
        connection.close()


def status_or_reset(harness: Harness[HttpActor]) -> int:
    try:
        return get(harness, "/")[0]
    except (http.client.HTTPException, OSError):
        return 0


def hosts(harness: Harness[HttpActor]) -> set[str]:
    status, body, _ = get(harness, "/api/dynamic")
    return set(json.loads(body)["http"].get("routers", ())) if status == 200 else set()


def of_saving(harness: Harness[HttpActor]) -> list[PartReported]:
    return [one for one in messages_of(PartReported, harness.sent) if one.part != "traefik"]


def test_gossip_is_subscribed_to_at_each_of_its_starts(start_http: StartHttp) -> None:
    harness = start_http()

    harness.neighbours("gossip")
    harness.pump_until(lambda: len(harness.sent_to("gossip")) == 1)
    harness.neighbours("gossip", generation=1)
    harness.pump_until(lambda: len(harness.sent_to("gossip")) == 2)

    assert harness.sent_to("gossip") == [ClusterSubscribe()] * 2


def test_routes_follow_the_cluster(start_http: StartHttp) -> None:
    harness = start_http()
    harness.neighbours("gossip")

    harness.deliver(snapshot(on("alpha", state())))
    wait_until(lambda: hosts(harness) == {"web.localhost", "web.alpha.localhost"})
    harness.deliver(
        ClusterChanged(
            version=2, snapshot=False, self_node="alpha", services=(on("alpha", state("api")),)
        )
    )

    wait_until(lambda: "api.localhost" in hosts(harness))


def test_the_body_is_json_with_an_etag(start_http: StartHttp) -> None:
    harness = start_http()
    harness.deliver(snapshot(on("alpha", state())))
    wait_until(lambda: bool(hosts(harness)))

    status, body, headers = get(harness, "/api/dynamic")
    again = get(harness, "/api/dynamic")

    assert status == 200
    assert headers["Content-Type"] == "application/json"
    assert again[1:] == (body, {**headers, "Date": again[2]["Date"]})


def test_parts_of_the_body_are_lists_and_not_a_configuration(start_http: StartHttp) -> None:
    harness = start_http()
    assert get(harness, "/api/http/routers")[0] == 503
    harness.deliver(snapshot(on("alpha", state(http__middlewares__zip__compress="true"))))
    wait_until(lambda: bool(hosts(harness)))

    routers, middlewares, streams = (
        json.loads(get(harness, path)[1])
        for path in ("/api/http/routers", "/api/http/middlewares", "/api/udp/services")
    )

    assert [row["name"] for row in routers] == ["web.alpha.localhost", "web.localhost"]
    assert {"name": "zip", "compress": {}} in middlewares
    assert streams == []


def test_operators_get_explanations_and_rejections(start_http: StartHttp) -> None:
    harness = start_http()
    labels: dict[str, Any] = {"http__middlewares__auth__basicauth__users": "joe"}
    harness.deliver(snapshot(on("alpha", state(**labels))))
    wait_until(lambda: bool(hosts(harness)))

    lead = DnsLead(record="*.localhost", problems=("the zone fails",))
    for request in (ExplainRequest(subject="web.localhost", dns=lead), RejectedRequest()):
        harness.deliver(Relayed(asker="127.0.0.1:7947/operator", request=encode(request)))
    harness.pump_until(lambda: len(harness.sent_to("operator")) == 2)

    explained, rejected = harness.sent_to("operator")
    assert isinstance(explained, ExplainReport)
    assert [route.router for route in explained.routes] == ["web.localhost"]
    assert explained.polled_ago_s is not None
    assert explained.dns == lead
    assert "the zone fails" in explained.degraded
    assert isinstance(rejected, RejectedReport)
    assert [row.reason for row in rejected.rejected] == ["a user is written as name:hash"]


@pytest.mark.case("R10", "O6")
def test_container_that_is_not_watched_is_listed_as_rejected(start_http: StartHttp) -> None:
    harness = start_http()
    harness.neighbours("operator")
    harness.deliver(snapshot(on("alpha", state())))
    wait_until(lambda: bool(hosts(harness)))
    trouble = Trouble(
        kind="unwatched",
        subject="blog",
        what="container blog is not watched",
        why="its label traefik.enable is 'ture'",
        fix="write traefik.enable=true",
    )
    request = RejectedRequest(troubles=(NodeTrouble(node="beta", trouble=trouble),))

    harness.deliver(Relayed(asker="127.0.0.1:7947/operator", request=encode(request)))
    harness.pump_until(lambda: len(harness.sent_to("operator")) == 1)

    (rejected,) = harness.sent_to("operator")
    assert isinstance(rejected, RejectedReport)
    (row,) = rejected.rejected
    assert (row.service, row.node, rejected.total) == ("blog", "beta", 1)
    assert row.reason == "container blog is not watched: its label traefik.enable is 'ture'"
    assert rejected.degraded == ("1 container without routes by mistake",)


@pytest.mark.case("O5")
def test_admin_gets_what_is_not_routed_and_whether_traefik_works(start_http: StartHttp) -> None:
    harness = start_http(traefik=TraefikSettings(settle_s=0.3, ingress_port=free_port()))
    harness.neighbours("admin")
    wrong: dict[str, Any] = {"http__routers__r__rule": "Host(`a.example.net`"}
    harness.deliver(snapshot(on("alpha", state(**wrong)), on("alpha", state("ok"))))
    wait_until(lambda: "ok.localhost" in hosts(harness))

    harness.deliver(RoutesHealthRequest())
    harness.pump_until(lambda: bool(messages_of(RoutesHealth, harness.sent)))
    harness.pump_until(lambda: any(part.state == "lost" for part in of_traefik(harness)))

    (told,) = messages_of(RoutesHealth, harness.sent)
    assert [(row.service, row.node) for row in told.unserved] == [("web", "alpha")]
    assert (told.has_traefik, told.is_settled, told.rejected_count) == (True, True, 1)
    (*_, lost) = of_traefik(harness)
    assert lost.why.endswith("does not answer: connection refused")


def test_health_has_the_problems_that_admin_has_judged(start_http: StartHttp) -> None:
    harness = start_http()

    harness.deliver(ClusterJudged(problems=("node beta is dead",), unlisted=3))
    wait_until(lambda: "beta" in get(harness, "/health")[1].decode())

    fields = json.loads(get(harness, "/health")[1])
    assert fields["status"] == "degraded"
    assert fields["problems"][-2:] == [
        "node beta is dead", "3 more: see `constellation status`",
    ]  # fmt: skip


def of_listener(harness: Harness[HttpActor]) -> list[tuple[Trouble, ...]]:
    return [one.troubles for one in messages_of(TroublesReported, harness.sent)]


def of_traefik(harness: Harness[HttpActor]) -> list[PartReported]:
    return [one for one in messages_of(PartReported, harness.sent) if one.part == "traefik"]


def test_a_missed_change_leads_to_a_new_subscription(start_http: StartHttp) -> None:
    harness = start_http()
    harness.neighbours("gossip")
    harness.deliver(snapshot(on("alpha", state())))
    harness.pump_until(lambda: len(harness.sent_to("gossip")) == 1)

    harness.deliver(ClusterChanged(version=9, snapshot=False, self_node="alpha"))

    harness.pump_until(lambda: len(harness.sent_to("gossip")) == 2)


def test_before_the_first_snapshot_there_is_no_body_and_health_is_degraded(
    start_http: StartHttp,
) -> None:
    harness = start_http()

    status, body, _ = get(harness, "/api/dynamic")
    health_status, health, _ = get(harness, "/health")

    assert (status, b"{" in body) == (503, False)
    assert health_status == 503
    assert json.loads(health)["status"] == "degraded"


def test_health_is_ok_once_settled(start_http: StartHttp) -> None:
    harness = start_http()
    harness.deliver(snapshot(on("alpha", state())))
    wait_until(lambda: bool(hosts(harness)))

    status, body, _ = get(harness, "/health")

    health = json.loads(body)
    assert (status, health["status"], health["problems"]) == (200, "ok", [])
    assert (health["node"], health["cluster_version"], health["routers"]) == ("alpha", 1, 2)


@pytest.mark.scenario(24)
def test_a_restarted_agent_serves_the_last_good_body(start_http: StartHttp) -> None:
    first = start_http()
    first.deliver(snapshot(on("alpha", state()), on("beta", state())))
    wait_until(lambda: "web.beta.localhost" in hosts(first))
    body = get(first, "/api/dynamic")[1]
    stop(first)

    again = start_http(traefik=TraefikSettings(settle_s=0.3, alone_s=1.0))
    assert get(again, "/api/dynamic")[1] == body
    again.deliver(snapshot())
    time.sleep(0.5)
    assert get(again, "/api/dynamic")[1] == body

    # No other node is known for `alone_s`: old routes do not stay forever.
    wait_until(lambda: not hosts(again))


def test_a_damaged_last_good_body_is_not_served(start_http: StartHttp, tmp_path: Path) -> None:
    (tmp_path / "traefik-last-good.json").write_bytes(b'{"body": {}}')

    harness = start_http()

    assert get(harness, "/api/dynamic")[0] == 503


def test_routes_that_cannot_be_saved_are_reported_once_and_saved_later(
    start_http: StartHttp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[Path] = []

    def full(path: Path, _: LastGood) -> None:
        attempts.append(path)
        raise AdapterError(f"{path} cannot be written", why="no space", fix="free space on /")

    file = tmp_path / "traefik-last-good.json"
    harness = start_http()
    harness.neighbours("admin")
    with monkeypatch.context() as patched:
        patched.setattr(http_actor, "save_last_good", full)
        harness.deliver(snapshot(on("alpha", state())))
        harness.pump_until(lambda: len(attempts) == 2)

        (part,) = of_saving(harness)
        assert (part.part, part.state) == ("saving the last good routes", "lost")
        assert part.why.startswith(f"{file} cannot be written: no space; ")
        assert part.fix.startswith("free space on /")
        assert harness.actor.unsaved.labels(file.name)._value.get() == 1
        assert hosts(harness) == {"web.localhost", "web.alpha.localhost"}
        harness.neighbours("admin", generation=1)  # it was restarted
        harness.pump_until(lambda: len(of_saving(harness)) == 2)

    harness.pump_until(lambda: len(of_saving(harness)) == 3)

    assert of_saving(harness)[1:] == [
        part,
        PartReported(part="saving the last good routes", state="present"),
    ]
    assert file.exists()
    assert harness.actor.unsaved.labels(file.name)._value.get() == 0


def test_a_restart_of_gossip_keeps_the_routes(start_http: StartHttp) -> None:
    harness = start_http(traefik=TraefikSettings(settle_s=30.0, alone_s=30.0))
    harness.neighbours("gossip")
    harness.deliver(snapshot(on("alpha", state()), on("beta", state())))
    wait_until(lambda: "web.beta.localhost" in hosts(harness))
    before = hosts(harness)

    harness.neighbours("gossip", generation=1)
    harness.deliver(snapshot(version=0))
    wait_until(lambda: json.loads(get(harness, "/health")[1])["routes"] == "settling")
    assert hosts(harness) == before

    harness.deliver(snapshot(on("alpha", state()), on("beta", state("new")), version=1))
    harness.deliver(
        snapshot(on("alpha", state()), on("beta", state("new")), on("beta", state()), version=2)
    )
    wait_until(lambda: "new.localhost" in hosts(harness))


def test_rejections_are_listed_and_counted(start_http: StartHttp) -> None:
    harness = start_http()
    harness.deliver(
        snapshot(on("alpha", state()), on("alpha", state("bad", http__routers__x__rule="Host(")))
    )
    wait_until(lambda: bool(hosts(harness)))

    rejected = json.loads(get(harness, "/api/rejected")[1])
    page = get(harness, "/metrics")[1].decode()

    assert [row["service"] for row in rejected] == ["bad"]
    assert rejected[0]["label"] == "traefik.http.routers.x.rule"
    assert 'constellation_traefik_rejected{actor="http"} 1.0' in page


def report(actor: str, value: float, kind: str = "counter") -> MetricsReport:
    labels = (MetricLabel(name="kind", value='a"b'),)
    sample = MetricSample(name="constellation_seen_total", labels=labels, value=value)
    family = MetricFamily(
        name="constellation_seen",
        kind=kind,  # type: ignore[arg-type]
        help="Things seen",
        samples=(sample,),
    )
    return MetricsReport(actor=actor, process_id=1, families=(family,))


def scraped(harness: Harness[HttpActor], *reports: MetricsReport) -> str:
    """Ask for the page of metrics, and let actors answer with these reports."""
    count = len(harness.sent_to("supervisor"))
    with ThreadPoolExecutor(1) as pool:
        page = pool.submit(get, harness, "/metrics")
        harness.pump_until(lambda: len(harness.sent_to("supervisor")) > count)
        (request,) = {message.number for message in harness.sent_to("supervisor")[count:]}
        for one in reports:
            harness.deliver(one.model_copy(update={"number": request}))
        return page.result(timeout=5)[1].decode()


def test_metrics_of_all_actors_are_on_one_page(start_http: StartHttp) -> None:
    harness = start_http()
    harness.neighbours("gossip", "services")
    get(harness, "/api/dynamic")
    parent = report("services", 3.0).model_copy(update={"passed_on_to": ("monitor/web",)})

    page = scraped(harness, report("gossip", 1.0), parent, report("monitor/web", 2.0))

    for name in ("gossip", "services", "supervisor"):
        assert sum(isinstance(one, MetricsRequest) for one in harness.sent_to(name)) == 1
    assert 'constellation_seen_total{actor="monitor/web",kind="a\\"b"} 2.0' in page

    assert page.count("# TYPE constellation_seen_total counter") == 1
    assert 'constellation_seen_total{actor="gossip",kind="a\\"b"} 1.0' in page
    assert (
        'constellation_http_requests_total{actor="http",path="/api/dynamic",status="503"}' in page
    )


def test_page_of_metrics_does_not_wait_for_an_actor_that_hangs_and_says_so(
    start_http: StartHttp,
) -> None:
    harness = start_http()
    harness.neighbours("gossip", "raft")
    silent = 'constellation_metrics_silent{actor="http",process="raft"} 1.0'
    rest = [report(name, 1.0) for name in ("gossip", "supervisor")]
    assert silent not in scraped(harness, *rest, report("raft", 5.0))

    began_s = time.monotonic()
    page = scraped(harness, *rest)

    assert time.monotonic() - began_s < TIMEOUT_S + 2.0
    assert silent in page
    assert 'constellation_seen_total{actor="raft",kind="a\\"b"} 5.0' in page


def test_other_paths_and_methods_are_refused(start_http: StartHttp) -> None:
    harness = start_http()

    status, body, _ = get(harness, "/api/dynamic/http")
    assert (status, b"/api/dynamic" in body) == (404, True)
    assert get(harness, "/api/dynamic", method="POST")[0] == 405
    assert b"/metrics" in get(harness, "/")[1]


def test_listens_on_the_configured_address_only(start_http: StartHttp) -> None:
    start_http()

    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.2", node.settings().http.port)) != 0


def test_a_connection_without_a_request_is_closed(start_http: StartHttp) -> None:
    start_http(head_timeout_s=0.2)
    with socket.create_connection(("127.0.0.1", node.settings().http.port)) as slow:
        slow.sendall(b"GET /api/dyn")
        slow.settimeout(5)

        assert slow.recv(100) == b""


@pytest.mark.case("S3")
def test_connections_that_never_ask_do_not_keep_a_poll_out(start_http: StartHttp) -> None:
    harness = start_http(requests_max=3)
    address = ("127.0.0.1", node.settings().http.port)
    idle = [socket.create_connection(address) for _ in range(3)]
    try:
        assert get(harness, "/")[0] == 200
    finally:
        for connection in idle:
            connection.close()


@pytest.mark.case("S11")
@pytest.mark.parametrize(
    "fields", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}, {"Origin": "null"}]
)
def test_a_request_that_a_foreign_page_may_have_sent_gets_no_answer(
    start_http: StartHttp, fields: dict[str, str]
) -> None:
    start_http()
    port = node.settings().http.port
    lines = "".join(
        f"{name}: {value}\r\n" for name, value in ({"Host": "localhost"} | fields).items()
    )
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET /api/dynamic HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 403 ")
    assert b"routers" not in answer


@pytest.mark.case("S4")
def test_port_in_use_is_logged_reported_and_retried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        settings = Settings(node_name="alpha", data_dir=str(tmp_path), http=HttpSettings(port=port))

        harness = Harness(HttpActor(), settings, name="http")
        harness.neighbours("admin")
        wait_until(lambda: "http_listen_failed" in capsys.readouterr().out)
        harness.pump_until(lambda: bool(of_listener(harness)))
        (trouble,) = of_listener(harness)[-1]
        assert trouble.what == f"HTTP listener on 127.0.0.1 port {port} does not work"
        assert "another program listens on this port; Traefik and" in trouble.why
    try:
        wait_until(lambda: connects(port))
        harness.pump_until(lambda: of_listener(harness)[-1] == ())
    finally:
        harness.stop()


@pytest.fixture
def small_heap() -> Iterator[None]:
    """Spare what follows the collector's walks over all that other tests hold."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("small_heap")
def test_requests_are_answered_during_a_long_build(start_http: StartHttp) -> None:
    harness = start_http()
    harness.deliver(snapshot(*(on("alpha", state(f"s{n}")) for n in range(1500))))

    waits_s, status = [], 503
    while status == 503:
        began_s = time.monotonic()
        status = get(harness, "/api/dynamic")[0]
        waits_s.append(time.monotonic() - began_s)
    page = get(harness, "/metrics")[1].decode()
    (build_s,) = re.findall(
        r"^constellation_traefik_build_seconds_sum\S* (\S+)", page, re.MULTILINE
    )
    harness.deliver(ExplainRequest(subject="s1499"))
    harness.pump_until(lambda: bool(messages_of(ExplainReport, harness.sent)))

    assert max(waits_s) < float(build_s) / 2
    (explained,) = messages_of(ExplainReport, harness.sent)
    assert len(explained.routes) == 2
