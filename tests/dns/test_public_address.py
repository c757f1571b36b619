"""Which address of this node is published, from what sources say."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Iterator

import pytest

from actors.adapters.address_source import ask_source
from constellation.dns.public_address import (
    ROUNDS_WITHOUT_MAX,
    AddressFinder,
    AddressRules,
    SourceSaid,
    read_answer,
)

URL = "https://one.example/ip"
IPV4, OTHER, IPV6 = "9.9.9.9", "8.8.4.4", "2620:fe::fe"


def said(*addresses: str, family: int = 4) -> list[SourceSaid]:
    return [
        read_answer(f"https://s{number}.example/", 6 if family == 6 else 4, text.encode())
        for number, text in enumerate(addresses)
    ]


def silent(count: int = 3, family: int = 6) -> list[SourceSaid]:
    return [
        SourceSaid(f"s{number}", 6 if family == 6 else 4, why_not="no route", is_silent=True)
        for number in range(count)
    ]


def finder(agreeing: int = 2, refused: tuple[str, ...] = ()) -> AddressFinder:
    return AddressFinder(AddressRules(refused), agreeing)


def test_an_address_on_which_two_sources_agree_is_published() -> None:
    found = finder()
    found.asked([*said(IPV4, IPV4, OTHER), *said(IPV6, IPV6, family=6)])
    assert found.addresses == (IPV4, IPV6)
    assert found.problem == ""


def test_sources_that_disagree_leave_the_address_as_it_was() -> None:
    found = finder()
    found.asked(said(IPV4, OTHER))
    assert not found.addresses
    assert IPV4 in found.problem
    found.asked(said(IPV4, IPV4))
    found.asked(said(IPV4, OTHER))
    found.asked(silent(family=4))
    assert found.addresses == (IPV4,)


def test_two_addresses_with_equally_many_sources_are_no_agreement() -> None:
    found = finder()
    found.asked(said(IPV4, IPV4, OTHER, OTHER))
    assert found.addresses == ()


@pytest.mark.parametrize(
    "address",
    [
        "10.0.0.1",
        "100.64.0.1",
        "127.0.0.1",
        "192.168.1.1",
        "169.254.1.1",
        "203.0.113.1",
        "104.28.1.1",
        "172.65.0.1",
    ],
)
def test_an_address_that_is_not_reached_from_outside_is_never_published(address: str) -> None:
    found = finder()
    found.asked(said(address, address, address))
    assert found.addresses == ()
    assert address in found.problem


def test_an_address_of_a_vpn_or_of_a_gateway_of_the_cluster_is_not_published() -> None:
    found = finder(refused=("9.9.9.0/24",))
    found.asked(said(IPV4, IPV4))
    assert "dns.addresses_refused" in found.problem
    other = finder()
    other.asked(said(IPV4, IPV4), egresses=[IPV4])
    assert "WARP gateway" in other.problem


def test_a_family_without_any_answer_is_dropped_when_the_other_still_answers() -> None:
    found = finder()
    found.asked([*said(IPV4, IPV4), *said(IPV6, IPV6, family=6)])
    for _ in range(ROUNDS_WITHOUT_MAX):
        assert found.addresses == (IPV4, IPV6)
        found.asked([*said(IPV4, IPV4), *silent()])
    assert found.addresses == (IPV4,)


def test_a_host_without_network_keeps_both_addresses() -> None:
    found = finder()
    found.asked([*said(IPV4, IPV4), *said(IPV6, IPV6, family=6)])
    for _ in range(10):
        found.asked([*silent(family=4), *silent()])
    assert found.addresses == (IPV4, IPV6)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("fl=1\nh=one.example\nip=9.9.9.9\nwarp=on\n", "WARP"),
        ("fl=1\nh=portal.example\nip=9.9.9.9\nwarp=off\n", "portal.example"),
        ("<html>log in</html>", "no address"),
        ("", "no address"),
        ("2620:fe::fe", "over IPv4"),
        ("9.9.9.9" + " " * 5000, "too long"),
    ],
)
def test_an_answer_that_says_something_else_is_not_used(body: str, why: str) -> None:
    answer = read_answer(URL, 4, body.encode())
    assert answer.address == ""
    assert why in answer.why_not


def test_a_trace_page_gives_its_address() -> None:
    body = b"fl=1\nh=one.example\nip=9.9.9.9\nts=1\nwarp=off\n"
    assert read_answer(URL, 4, body).address == IPV4


class _Source(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(b"9.9.9.9\n")

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@pytest.fixture
def source() -> Iterator[str]:
    server = http.server.HTTPServer(("127.0.0.1", 0), _Source)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/ip"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_source_is_asked_over_the_family_that_is_wanted(source: str) -> None:
    assert ask_source(source, 4) == SourceSaid(source, 4, IPV4)
    over_ipv6 = ask_source(source, 6)
    assert over_ipv6.is_silent
    assert over_ipv6.address == ""


def test_a_source_that_answers_byte_by_byte_is_waited_for_only_so_long(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = threading.Event()

    def drip(handler: _Source) -> None:
        handler.send_response(200)
        while not ended.wait(0.05):
            handler.send_header("X-More", "yes")
            handler.flush_headers()

    monkeypatch.setattr(_Source, "do_GET", drip)
    at_last = threading.Timer(3.0, ended.set)  # if it is waited for
    at_last.start()
    began_s = time.monotonic()
    said = ask_source(source, 4, timeout_s=0.3)
    took_s = time.monotonic() - began_s
    at_last.cancel()
    ended.set()
    assert said.is_silent
    assert took_s < 2.0


def test_a_source_that_redirects_or_does_not_listen_gives_no_address(
    source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_Source, "status", 302)
    assert "status 302" in ask_source(source, 4).why_not
    assert ask_source("http://127.0.0.1:9/", 4, timeout_s=1).is_silent
