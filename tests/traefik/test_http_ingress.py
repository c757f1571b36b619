"""What the HTTP actor says of this node's ingress, and when it wants `lb-leader`."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from actors.http.actor import HttpActor
from constellation.settings.raft import LeaseSettings
from constellation.settings.traefik import TraefikSettings
from messages.admin import IngressReported
from messages.gossip import ClusterChanged, NodeServiceState
from messages.leases import LeaseUnwanted, LeaseWanted
from messages.routes import RoutesHealth, RoutesHealthRequest
from tests.harness import Harness, messages_of
from tests.traefik.builders import node_state, on, snapshot, state
from tests.traefik.conftest import StartHttp, free_port, wait_until
from tests.traefik.test_http_actor import hosts, of_listener


def lease_messages(harness: Harness[HttpActor]) -> list[object]:
    harness.neighbours("leases")
    harness.pump_until(lambda: True)
    return harness.sent_to("leases")


def own(*services: NodeServiceState, version: int = 1, cordoned: bool = False) -> ClusterChanged:
    """Return a snapshot with this node's own record."""
    nodes = (node_state("alpha", cordoned=cordoned),)
    return snapshot(*services, version=version, nodes=nodes)


def wants(harness: Harness[HttpActor]) -> list[object]:
    """Return the last words to the lease manager, of each change."""
    return [
        one for one in harness.sent_to("leases") if isinstance(one, LeaseWanted | LeaseUnwanted)
    ]


def pump_until_wanted(harness: Harness[HttpActor], count: int) -> None:
    harness.pump_until(lambda: len(wants(harness)) == count)


def test_lb_leader_is_wanted_once_this_node_serves_routes(start_http: StartHttp) -> None:
    harness = start_http()
    assert lease_messages(harness) == []

    harness.deliver(own(on("alpha", state())))
    wait_until(lambda: bool(hosts(harness)))
    harness.pump_until(lambda: bool(harness.sent_to("leases")))
    harness.deliver(own(on("alpha", state("api"))))
    wait_until(lambda: "api.localhost" in hosts(harness))

    assert lease_messages(harness) == [LeaseWanted(name="lb-leader", number=1)]


def test_lb_leader_is_not_wanted_where_the_settings_exclude_it(start_http: StartHttp) -> None:
    harness = start_http(leases=LeaseSettings(lb_leader=False))
    harness.deliver(own(on("alpha", state())))
    wait_until(lambda: bool(hosts(harness)))

    assert lease_messages(harness) == []


def test_lb_leader_is_given_back_when_the_actor_stops(start_http: StartHttp) -> None:
    harness = start_http()
    harness.neighbours("leases")
    harness.deliver(own(on("alpha", state())))
    harness.pump_until(lambda: bool(harness.sent_to("leases")))

    harness.stop()

    assert harness.sent_to("leases")[-1] == LeaseUnwanted(name="lb-leader")


def test_lb_leader_is_given_up_while_this_node_is_cordoned(start_http: StartHttp) -> None:
    harness = start_http()
    harness.neighbours("leases")
    harness.deliver(own(on("alpha", state())))
    pump_until_wanted(harness, 1)

    harness.deliver(own(on("alpha", state()), version=2, cordoned=True))
    pump_until_wanted(harness, 2)
    harness.deliver(RoutesHealthRequest())
    harness.pump_until(lambda: bool(messages_of(RoutesHealth, harness.sent)))
    harness.deliver(own(on("alpha", state()), version=3))
    pump_until_wanted(harness, 3)

    assert [type(one) for one in wants(harness)] == [LeaseWanted, LeaseUnwanted, LeaseWanted]
    (told,) = messages_of(RoutesHealth, harness.sent)
    assert told.no_candidate == "it is cordoned"


def test_leader_that_is_known_not_to_want_lb_leader_is_named_to_the_lease_manager(
    start_http: StartHttp,
) -> None:
    harness = start_http()
    harness.neighbours("leases")
    harness.deliver(own(on("alpha", state())))
    pump_until_wanted(harness, 1)

    beta = node_state("beta")
    fails = beta.model_copy(update={"state": beta.state.model_copy(update={"ingress": "fails"})})
    harness.deliver(snapshot(on("alpha", state()), nodes=(node_state("alpha"), fails), version=2))
    pump_until_wanted(harness, 2)

    (*_, last) = wants(harness)
    assert isinstance(last, LeaseWanted)
    assert last.unable == ("beta",)


def test_ingress_decides_on_lb_leader_and_is_told_to_admin(start_http: StartHttp) -> None:
    entry = [free_port(), free_port()]
    probe = tuple(f"127.0.0.1:{port}" for port in entry)
    harness = start_http(traefik=TraefikSettings(settle_s=0.3, probe=probe))
    harness.neighbours("leases", "admin")
    harness.deliver(own(on("alpha", state())))
    harness.pump_until(lambda: ingress_of(harness)[-1:] == ["fails"])
    assert wants(harness) == []

    with web_server(entry[0]):
        with web_server(entry[1]):
            pump_until_wanted(harness, 1)
            assert ingress_of(harness)[-2:] == ["fails", "works"]
        ended_s = time.monotonic()
        pump_until_wanted(harness, 2)

        assert time.monotonic() - ended_s < 2.0
        assert isinstance(wants(harness)[-1], LeaseUnwanted)
        harness.pump_until(lambda: ingress_of(harness)[-1] == "fails")
        harness.pump_until(lambda: bool(of_listener(harness)[-1:]))
        (trouble,) = of_listener(harness)[-1]
    assert trouble.what == f"entry point {probe[1]} of Traefik does not answer"
    assert (trouble.kind, trouble.why) == ("ingress", "connection refused")
    told = len(ingress_of(harness))
    harness.neighbours("leases", "admin", generation=1)  # admin was restarted
    harness.pump_until(lambda: len(ingress_of(harness)) > told)
    assert ingress_of(harness)[-1] == "fails"


def ingress_of(harness: Harness[HttpActor]) -> list[str]:
    return [one.ingress for one in messages_of(IngressReported, harness.sent)]


@contextlib.contextmanager
def web_server(port: int) -> Iterator[None]:
    """Answer like an entry point without routes, until the end of the block."""
    with ThreadingHTTPServer(("127.0.0.1", port), BaseHTTPRequestHandler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield
        server.shutdown()
        thread.join()
