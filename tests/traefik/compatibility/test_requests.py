"""Which requests are compared, and what counts as a difference."""

from __future__ import annotations

from tests.traefik.compatibility.requests import Answer, Answers, Probe, probe, probes
from tests.traefik.compatibility.setups import single


def answers(*found: Answer) -> Answers:
    return Answers({(one.status, one.by): one for one in found})


def test_a_line_describes_a_request() -> None:
    assert probe("PUT a.example.org/x?y=z | Accept: text/html | X-A: b:c") == Probe(
        "PUT a.example.org/x?y=z | Accept: text/html | X-A: b:c",
        "PUT",
        "a.example.org",
        "/x?y=z",
        (("Accept", "text/html"), ("X-A", "b:c")),
    )


def test_requests_follow_from_the_rules_and_entry_points_of_a_setup() -> None:
    setup = single(
        "web",
        """
        routers.~.rule=Host(`a.example.org`) && PathPrefix(`/x`)
        routers.~.entrypoints=websecure
        tcp.routers.~.rule=HostSNI(`b.example.org`)
        tcp.routers.~.entrypoints=tls
        tcp.routers.~.tls.passthrough=true
        """,
    )

    assert [one.text for one in probes(setup, ["web.localhost"])] == [
        "GET a.example.org/",
        "GET a.example.org/x",
        "GET web.localhost/",
        "GET web.localhost/x",
        "GET a.example.org/ at websecure",
        "GET a.example.org/x at websecure",
        "GET web.localhost/ at websecure",
        "GET web.localhost/x at websecure",
        "TCP b.example.org at tls",
    ]


def test_another_container_status_header_or_request_is_a_difference() -> None:
    first = Answer(200, "a:80", ("server: x",), ("GET / HTTP/1.1",))

    assert answers(first).difference(answers(first)) == ""
    assert answers(first).difference(answers(Answer(404))) == "200 by a:80 | 404"
    assert answers(first).difference(answers(first, Answer(200, "b:80"))) == (
        "200 by a:80 | 200 by a:80 or 200 by b:80"
    )
    assert answers(first).difference(answers(Answer(200, "a:80", (), ("GET /y HTTP/1.1",)))) == (
        "200 by a:80: GET / HTTP/1.1; server: x | GET /y HTTP/1.1"
    )
