"""Addresses of actors: formatted and parsed, and never leading out of a directory."""

from __future__ import annotations

import contextlib
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from constellation.errors import WireError
from constellation.transport.address import TEXT_BYTES_MAX, ActorRef

HOSTS = st.one_of(
    st.ip_addresses().map(str),
    st.from_regex(r"client-[0-9a-f]{16}", fullmatch=True),
    st.just("fe80::1%eth0"),
)
IDS = st.from_regex(r"@?[a-z0-9][a-z0-9-]{0,99}", fullmatch=True)
REFS = st.builds(ActorRef, HOSTS, st.integers(0, 65535), IDS)


@given(REFS)
def test_every_address_is_read_as_it_was_written(ref: ActorRef) -> None:
    assert ActorRef.parse(str(ref)) == ref


@pytest.mark.parametrize(
    ("text", "ref"),
    [
        ("100.64.0.1:7947/system", ActorRef("100.64.0.1", 7947, "system")),
        ("[fd7a::1]:7947/@admin", ActorRef("fd7a::1", 7947, "@admin")),
        # As the node's own setting is written: the last colon is before the port.
        ("fd7a::1:7947/a1-4", ActorRef("fd7a::1", 7947, "a1-4")),
        ("client-00ff:0/ext-12-1", ActorRef("client-00ff", 0, "ext-12-1")),
    ],
)
def test_written_forms(text: str, ref: ActorRef) -> None:
    assert ActorRef.parse(text) == ref


@pytest.mark.parametrize(
    "actor_id",
    [
        pytest.param("..", id="parent directory"),
        pytest.param("../etc/passwd", id="path"),
        pytest.param("a/../b", id="path within"),
        pytest.param("a/b", id="slash"),
        pytest.param(".hidden", id="dot"),
        pytest.param("a.sock", id="dot within"),
        pytest.param("/a", id="absolute"),
        pytest.param("", id="nothing"),
        pytest.param("@", id="name without a name"),
        pytest.param("@@a", id="two at signs"),
        pytest.param("a@b", id="at sign within"),
        pytest.param("-a", id="looks like an option"),
        pytest.param("A", id="capital"),
        pytest.param("a\n", id="newline at the end"),
        pytest.param("a\x00", id="zero byte"),
        pytest.param("ä", id="not ASCII"),
        pytest.param("a" * 101, id="too long"),
    ],
)
def test_id_that_escapes_its_directory_is_refused(actor_id: str) -> None:
    with pytest.raises(WireError, match="not an actor address") as caught:
        ActorRef.parse(f"10.0.0.1:7947/{actor_id}")

    assert caught.value.reason == "address"


@pytest.mark.parametrize(
    "node",
    [
        pytest.param("10.0.0.1", id="no port"),
        pytest.param(":7947", id="no host"),
        pytest.param("[]:7947", id="empty brackets"),
        pytest.param("[::1:7947", id="open bracket"),
        pytest.param("10.0.0.1:", id="empty port"),
        pytest.param("10.0.0.1:-1", id="negative port"),
        pytest.param("10.0.0.1:65536", id="port too large"),
        pytest.param("10.0.0.1:000080", id="port too long"),
        pytest.param("10.0.0.1:٨٠", id="digits of another script"),
        pytest.param("10.0.0.1:0x50", id="hexadecimal port"),
        pytest.param("10.0.0.1 :80", id="blank"),
        pytest.param("10.0.0.1\n:80", id="newline"),
        pytest.param("\x1b[31m:80", id="terminal control"),
        pytest.param("hôte:80", id="host beyond ASCII"),
        pytest.param("web:one:80", id="name with a colon"),
        pytest.param("h" * TEXT_BYTES_MAX + ":80", id="host too long"),
    ],
)
def test_other_forms_are_refused(node: str) -> None:
    with pytest.raises(WireError, match="not an actor address"):
        ActorRef.parse(f"{node}/system")


def test_text_that_is_too_long_once_its_host_is_bracketed_is_refused() -> None:
    """An actor that keeps the address as text, to answer later, could not read it again."""
    rest = ":80/x"
    host = "::1%".ljust(TEXT_BYTES_MAX - len(rest), "a")

    with pytest.raises(WireError, match="too long"):
        ActorRef.parse(host + rest)
    shorter = ActorRef.parse(host[:-2] + rest)
    assert ActorRef.parse(str(shorter)) == shorter


@given(st.text(max_size=300))
def test_any_text_is_an_address_or_is_refused(text: str) -> None:
    with contextlib.suppress(WireError):
        ref = ActorRef.parse(text)

        assert ActorRef.parse(str(ref)) == ref
        assert PurePosixPath("/run/c", f"{ref.actor_id}.sock").parent == PurePosixPath("/run/c")


def test_refusal_does_not_repeat_a_long_text() -> None:
    with pytest.raises(WireError) as caught:
        ActorRef.parse("x" * 100_000)

    assert len(str(caught.value)) < 200


def test_node_is_the_same_for_all_its_actors() -> None:
    one, other = ActorRef("h", 1, "a"), ActorRef("h", 1, "b")

    assert one != other
    assert one.node == other.node == ("h", 1)
