"""The provider benchmark measures a cluster that is routed completely, and summarizes rounds."""

from __future__ import annotations

import pytest

from bench.provider import growth, medians, served
from bench.provider_programs import cluster
from bench.provider_programs.build_times import KINDS, measure
from bench.provider_programs.poller import LENGTH
from constellation.cluster_view import ClusterView
from constellation.traefik.dynamic_configuration import ConfigurationBuilder


def test_every_service_of_the_cluster_is_routed() -> None:
    view = ClusterView().apply(cluster.snapshot(20))

    made = ConfigurationBuilder(settings=cluster.SETTINGS, domain="localhost").build(view)

    assert made.rejected == ()
    assert made.router_count == cluster.routers_count(20)
    assert {*made.routed} == {
        (item.state.service, item.node, item.state.key) for item in cluster.instances(20)
    }


def test_services_have_mixed_routes_and_half_of_them_two_nodes() -> None:
    assert sum(cluster.is_default_routed(number) for number in range(100)) == 60
    assert sum(len(cluster.nodes_of(number)) for number in range(100)) == 150


def test_every_kind_of_change_is_timed() -> None:
    times = measure(20, 4)

    assert {kind: len(took) for kind, took in times.items()} == {
        "full": 1,
        **dict.fromkeys(KINDS, 4),
    }


def test_a_round_of_polling_is_summarized() -> None:
    round_ = served([4, 2.0, 1000, 3.0, 1.0, 2.0, 9.0], 0.002)

    assert round_.work_us == 500
    assert (round_.rate_per_s, round_.p50_ms, round_.p99_ms, round_.body_bytes) == (2, 2, 9, 1000)


def test_growth_compares_the_two_largest_sizes() -> None:
    assert growth({1000: 2.0, 100: 1.0, 10_000: 20.0}) == 10


def test_each_number_has_its_own_median() -> None:
    assert medians([(1.0, 9.0), (2.0, 8.0), (9.0, 1.0)]) == [2.0, 8.0]


@pytest.mark.parametrize("name", [b"Content-Length", b"content-length"])
def test_the_length_of_a_body_is_read_from_the_header(name: bytes) -> None:
    found = LENGTH.search(b"HTTP/1.1 200 OK\r\n%b: 42\r\nServer: x\r\n" % name)

    assert found is not None
    assert found[1] == b"42"
