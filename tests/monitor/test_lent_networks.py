"""Containers that use the network of another one, and networks that their host does not reach."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest

from constellation.monitor.container import Container, read_container
from constellation.monitor.engine_facts import unreached_why
from constellation.monitor.inventory import Inventory, InventoryPolicy
from constellation.monitor.network_lender import LENDERS_MAX, with_lenders
from constellation.monitor.published_ports import PublishPolicy
from constellation.settings.traefik import TraefikSettings
from constellation.traefik.dynamic_configuration import ConfigurationBuilder
from constellation.traefik.elements import Wish
from constellation.traefik.reach import Place, Reached, reach
from constellation.traefik.rejection import Complaint
from messages.monitor import ServiceObservation, ServiceState
from rigs.ports import free_port
from tests.monitor.fake_engine import FakeDocker
from tests.monitor.lab import Lab
from tests.monitor.real_docker import RealDocker
from tests.monitor.watched import Host, Start, has
from tests.traefik.builders import on, view

pytestmark = pytest.mark.xdist_group("docker engine")

NODE = PublishPolicy("100.64.0.1", "100.64.0.1")
PORT = {"traefik.http.services.web.loadbalancer.server.port": "8080"}
UNWATCHED = {"constellation.enable": ""}
HERE, ELSEWHERE = Place(reaches_containers=True), Place(ingress="100.64.0.1:7948")


def lab_of_two(**options: Any) -> tuple[Lab, str, str]:
    """Return a lab with a watched container that uses the network of one that is not watched."""
    lab = Lab()
    vpn = lab.docker.run("vpn", labels=UNWATCHED, ports={8080: 18080, 8989: 18989})
    web = lab.docker.run("web", network_of=vpn, labels=PORT, **options)
    lab.look()
    lab.settle()
    return lab, vpn, web


def state_of(seen: ServiceObservation) -> ServiceState:
    fields = seen.model_dump(exclude={"running", "paused", "check", "detail", "results_count"})
    return ServiceState.model_validate({**fields, "health": "healthy"})


def reached_by(
    seen: ServiceObservation, place: Place = ELSEWHERE, port: int = 8080
) -> Reached | Complaint:
    return reach(state_of(seen), Wish(port=port), "http", place)


@pytest.mark.case("D1")
def test_ports_that_the_lender_publishes_count_for_the_borrower_that_has_them() -> None:
    lab, _, _ = lab_of_two()
    seen = lab.told["web"]

    assert lab.told.keys() == {"web"}
    assert [(one.port, one.container_port) for one in seen.endpoints] == [(18080, 8080)]
    assert (seen.container_host, seen.networks) == ("172.17.0.3", ("bridge",))
    assert seen.running
    assert seen.check == "none"


@pytest.mark.case("D1")
def test_other_node_routes_to_the_port_that_the_lender_publishes() -> None:
    lab, _, _ = lab_of_two()
    builder = ConfigurationBuilder(settings=TraefikSettings(), domain="example.org")

    made = builder.build(view(on("beta", state_of(lab.told["web"])), self_node="alpha"))

    assert made.rejected == ()
    service = json.loads(made.body)["http"]["services"]["web"]
    assert [one["url"] for one in service["loadBalancer"]["servers"]] == ["http://127.0.0.1:18080"]


@pytest.mark.case("D1")
def test_port_that_the_lender_does_not_publish_is_to_be_published_on_it() -> None:
    lab, vpn, _ = lab_of_two()
    lab.docker.run("silent", network_of=vpn)
    lab.settle()

    # No other borrower's port is taken for its own.
    assert lab.told["silent"].endpoints == ()
    for seen in (lab.told["silent"], lab.told["web"]):
        complaint = reached_by(seen, Place(), port=9000)
        assert isinstance(complaint, Complaint)
        assert complaint.reason == "it uses the network of vpn, so vpn must publish its ports"
    reached = reached_by(lab.told["silent"], HERE, port=9000)
    assert isinstance(reached, Reached)
    assert reached.address == "172.17.0.3:9000"


@pytest.mark.case("D1")
def test_chain_of_lenders_leads_to_the_one_that_has_the_network() -> None:
    lab, _, web = lab_of_two()
    lab.docker.run("third", network_of=web, labels=PORT)
    lab.settle()

    assert lab.told["third"].endpoints == lab.told["web"].endpoints
    lab.docker.kill(web)
    lab.hear()
    assert "network of web, which does not run" in lab.told["third"].detail


@pytest.mark.parametrize("reference", ["name", "short id"])
@pytest.mark.case("D1")
def test_lender_is_named_by_its_name_or_a_short_id(reference: str) -> None:
    lab = Lab()
    vpn = lab.docker.run("vpn", labels=UNWATCHED, ports={8080: 18080})
    named = "vpn" if reference == "name" else vpn[:12]
    lab.docker.run("web", network_of=named, labels=PORT)
    lab.look()
    lab.settle()
    before = lab.told["web"].endpoints

    lab.docker.kill(vpn)
    lab.hear()

    assert len(before) == 1
    assert lab.told["web"].check == "failing"


@pytest.mark.case("D2")
def test_borrower_gets_no_requests_while_the_lender_is_down() -> None:
    lab, vpn, web = lab_of_two()
    before = lab.told["web"].endpoints

    lab.docker.kill(vpn)
    lab.hear()
    at_once = lab.told["web"]
    lab.inspect()
    lab.docker.set_health(web, "healthy")  # of its own check, in which it reaches itself
    lab.hear()
    lab.look()
    lab.inspect()

    for seen in (at_once, lab.told["web"]):
        assert (seen.running, seen.check) == (True, "failing")
        assert seen.detail == (
            "it uses the network of vpn, which does not run; start vpn, then restart web"
        )
        # Its route stays, and answers 503.
        assert seen.endpoints == before
    assert lab.unreported == []


@pytest.mark.case("D2")
def test_lender_that_was_started_again_leaves_the_borrower_without_a_network() -> None:
    lab, vpn, web = lab_of_two()
    old = lab.told["web"].container_host
    lab.docker.kill(vpn)
    lab.docker.start_again(vpn)
    lab.settle()

    seen = lab.told["web"]
    assert seen.check == "failing"
    assert "has no network since vpn" in seen.detail
    assert seen.reach_notes[0].fix == "restart web"

    lab.docker.kill(web)
    lab.docker.start_again(web)
    lab.settle()
    again = lab.told["web"]
    assert again.check == "none"
    assert again.container_host not in {old, ""}
    assert again.endpoints


@pytest.mark.case("D2")
def test_listing_finds_that_a_lender_is_down_though_no_event_said_so() -> None:
    lab, vpn, _ = lab_of_two()
    lab.docker.mute()
    lab.docker.kill(vpn)

    lab.look()
    lab.inspect()

    assert lab.told["web"].check == "failing"


@pytest.mark.case("D2")
def test_inspection_older_than_the_death_of_the_lender_is_ignored() -> None:
    lab, vpn, web = lab_of_two()
    since, found = lab.inventory.sequence, lab.docker.inspection(web)

    lab.docker.kill(vpn)
    lab.hear()
    lab.perform(lab.inventory.inspected(web, found, since, lab.now_s))

    assert lab.told["web"].check == "failing"
    assert lab.wanted


@pytest.mark.case("D2")
def test_lender_that_was_recreated_leaves_a_borrower_that_names_a_dead_container() -> None:
    lab, vpn, _ = lab_of_two()
    lab.docker.remove(vpn)
    lab.docker.run("vpn", labels=UNWATCHED, ports={8080: 18080})
    lab.settle()
    lab.look()
    lab.inspect()

    seen = lab.told["web"]
    assert (seen.check, seen.endpoints, seen.container_host) == ("failing", (), "")
    complaint = reached_by(seen)
    assert isinstance(complaint, Complaint)
    assert "000001000000, which does not exist any more" in complaint.reason
    assert "recreate web" in complaint.remedy


def test_endless_chain_of_lenders_ends() -> None:
    loop = {"Id": "a", "Name": "/a", "HostConfig": {"NetworkMode": "container:a"}}
    asked: list[str] = []

    def inspect(reference: str) -> dict[str, Any]:
        asked.append(reference)
        return loop

    read_container(with_lenders(loop, inspect), NODE)

    assert len(asked) == LENDERS_MAX


def test_lender_with_the_network_of_the_host_lends_that() -> None:
    lender = inspected("vpn", mode="host")
    seen = read(with_lenders(inspected("web", mode="container:vpn", labels=PORT), lambda _: lender))

    assert [(one.host, one.port) for one in seen.endpoints] == [
        ("100.64.0.1", 80),
        ("100.64.0.1", 8080),
    ]


# Networks that others, or the host itself, do not reach.


def inspected(
    name: str,
    *,
    mode: str = "bridge",
    labels: dict[str, str] | None = None,
    ports: dict[str, Any] | None = None,
    networks: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "Id": f"{name}-id",
        "Name": f"/{name}",
        "State": {"Running": True, "StartedAt": "2026-01-01T00:00:00Z"},
        "Config": {"Image": "x", "Labels": labels or {}, "ExposedPorts": {"80/tcp": {}}},
        "HostConfig": {"NetworkMode": mode},
        "NetworkSettings": {"Ports": ports or {}, "Networks": networks or {}},
    }


def read(found: dict[str, Any], policy: PublishPolicy = NODE) -> ServiceObservation:
    container = read_container(found, policy)
    assert isinstance(container, Container)
    return container.observation


BRIDGE = {"bridge": {"IPAddress": "172.17.0.2", "Driver": "bridge"}}
LAN = {"a-lan": {"IPAddress": "192.168.1.50", "Driver": "macvlan"}}


@pytest.mark.case("R9")
def test_port_on_loopback_is_named_to_other_nodes() -> None:
    loopback = {"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8080"}]}
    seen = read(inspected("web", ports=loopback, networks=BRIDGE))

    complaint = reached_by(seen, Place(), port=0)
    assert isinstance(complaint, Complaint)
    assert complaint.reason == (
        "port 80 is published on 127.0.0.1:8080 only, which other nodes do not reach"
    )
    assert "without an address" in complaint.remedy
    here = reached_by(seen, HERE, port=0)
    assert isinstance(here, Reached)
    # On a node that is bound to loopback the others are on this host too.
    local = PublishPolicy("127.0.0.1", "127.0.0.1")
    assert read(inspected("web", ports=loopback), local).reach_notes == ()


@pytest.mark.case("R9")
def test_port_that_is_published_elsewhere_too_is_not_complained_of() -> None:
    both = {"80/tcp": [{"HostIp": ip, "HostPort": "8080"} for ip in ("127.0.0.1", "100.64.0.1")]}

    assert read(inspected("web", ports=both)).reach_notes == ()


@pytest.mark.case("D6")
def test_address_that_the_host_does_not_reach_gets_no_requests() -> None:
    rootless = PublishPolicy("100.64.0.1", "100.64.0.1", unreached_why="Docker runs rootless")
    seen = read(inspected("web", networks=BRIDGE), rootless)
    published = {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}
    reached = reached_by(read(inspected("web", ports=published, networks=BRIDGE), rootless), port=0)

    for place in (HERE, ELSEWHERE):
        complaint = reached_by(seen, place, port=0)
        assert isinstance(complaint, Complaint)
        assert (complaint.reason, complaint.is_sent) == ("Docker runs rootless", False)
    assert isinstance(reached, Reached)
    assert reached.address == "100.64.0.1:8080"


@pytest.mark.case("D6")
@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, "rootless"),
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop"),
        ({"SecurityOptions": ["name=userns"]}, ""),
        ({"SecurityOptions": None, "OperatingSystem": None}, ""),
        ({}, ""),
    ],
)
def test_engine_says_whether_its_host_reaches_containers(info: dict[str, Any], words: str) -> None:
    assert words in unreached_why(info)
    assert bool(words) == bool(unreached_why(info))


@pytest.mark.case("D6")
def test_rootless_engine_is_asked_before_its_containers_are_read(start: Start) -> None:
    host = FakeDocker()
    host.info = {"SecurityOptions": ["name=rootless"]}
    host.run("web")
    watched = start(host)
    watched.until_complete()
    (note,) = watched.known()["web"].reach_notes
    assert (watched.known()["web"].container_host, "rootless" in note.why) == ("", True)

    lab = Lab()
    lab.docker.run("web")
    lab.settle()
    lab.perform(lab.inventory.connected({}))
    assert lab.wanted == []
    lab.perform(lab.inventory.connected(host.info))  # it may come late
    lab.inspect()
    assert lab.told["web"].container_host == ""

    policy = InventoryPolicy(publish=NODE, trusts_addresses=True)
    trusting = Inventory(policy)
    trusting.connected(host.info)
    assert trusting.policy == policy


def test_network_that_the_host_reaches_precedes_a_macvlan() -> None:
    assert read(inspected("web", networks={**LAN, **BRIDGE})).container_host == "172.17.0.2"
    seen = read(inspected("web", networks=LAN))
    assert seen.container_host == "192.168.1.50"
    assert "in the macvlan network a-lan" in seen.reach_notes[0].why
    assert seen.reach_notes[0].is_doubtful


# The real Engine.


@pytest.mark.integration
@pytest.mark.needs("docker")
@pytest.mark.slow
@pytest.mark.case("D1", "D2")
def test_borrower_follows_its_lender_on_the_real_engine(docker_engine: Any, start: Start) -> None:
    host: Host = RealDocker(docker_engine)
    port = free_port()
    watched = start(host)
    vpn = host.run("vpn", labels={"constellation.enable": "false"}, ports={8080: port})
    container = docker_engine.run("web", labels=PORT, network_mode=f"container:{vpn}")
    watched.until(has("web", running=True, check="none"))
    before = watched.known()["web"]

    host.kill(vpn)
    down_s = watched.until(has("web", check="failing"))
    with contextlib.closing(docker_engine.client()) as client:
        client.api.start(vpn)
        watched.until(lambda known: "has no network since vpn" in known["web"].detail)
        said = client.api.inspect_container(vpn)["NetworkSettings"]["Networks"]["bridge"]
        # Truly: it has kept the old one.
        assert said["IPAddress"] not in container.exec_run("ip addr").output.decode()
        container.restart(timeout=0)
        watched.until(has("web", check="none"))
        assert said["IPAddress"] in container.exec_run("ip addr").output.decode()
        client.api.remove_container(vpn, force=True)
    watched.until(lambda known: "does not exist any more" in known["web"].detail)

    assert down_s < 1.0
    assert [(one.port, one.container_port) for one in before.endpoints] == [(port, 8080)]
    assert before.container_host
    assert watched.known()["web"].container_host == ""
    assert watched.known().keys() == {"web"}
