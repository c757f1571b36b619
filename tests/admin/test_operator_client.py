"""Why an agent does not answer the operator's command: the true reason."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors import operator_client
from actors.adapters.running_agents import running_agents
from actors.operator_client import ask_agent
from actors.transport import peer_links
from constellation.errors import AdapterError
from constellation.settings.agent import Settings
from constellation.transport.session import greeting
from messages.admin import StatusRequest
from messages.operator import ActorAbsent, RequestRefused
from rigs.loopback import loopback_addresses
from tests.admin.answering import answering

KEY = b"k" * 32


@contextmanager
def listening(greets: bytes) -> Iterator[Settings]:
    """Serve one client on a new address: greet it, and end after its first frame."""
    (address,) = loopback_addresses(1)
    with socket.create_server((address, 7947)) as server:

        def serve() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(greets)
                client.recv(4096)

        thread = threading.Thread(target=serve)
        thread.start()
        yield Settings(node_name="alpha", data_dir="/nonexistent", bind_address=address)
        thread.join()


def why_not(settings: Settings) -> str:
    with pytest.raises(AdapterError) as caught:
        ask_agent(settings, KEY, StatusRequest(), timeout_s=5)
    return str(caught.value)


@pytest.fixture(autouse=True)
def others(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the agents that run on this host, as they are told; a test may add some."""
    found: list[str] = []
    monkeypatch.setattr(operator_client, "other_agents", lambda: "".join(found))
    return found


@pytest.mark.case("O10")
def test_connection_that_ends_after_the_introduction_is_a_wrong_key() -> None:
    frame = greeting(bytes(32))
    with listening(len(frame).to_bytes(4) + frame) as settings:
        said = why_not(settings)

    assert "refused this command: it has another cluster_key" in said
    assert "as its user or as root" in said


@pytest.mark.case("O10")
@pytest.mark.parametrize("greets", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\0\0\0\x04nope"])
def test_program_that_is_no_agent_is_not_taken_for_a_missing_one(greets: bytes) -> None:
    with listening(greets) as settings:
        said = why_not(settings)

    assert "is no agent that this command understands" in said
    assert "start it" not in said


@pytest.mark.case("O10")
def test_agent_that_hangs_is_not_taken_for_a_missing_one(
    others: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer_links, "CONNECT_TIMEOUT_S", 0.2)
    others.append("an agent runs on this host: alpha (process 7, user root)")
    with listening(b"") as settings:
        said = why_not(settings)

    assert "did not answer: it takes connections, but gave no answer within" in said
    assert "other settings" not in said
    assert "start it:" not in said


@pytest.mark.case("O10")
def test_agent_with_other_settings_is_named_where_none_answers(others: list[str]) -> None:
    (address,) = loopback_addresses(1)
    settings = Settings(node_name="alpha", data_dir="/nonexistent", bind_address=address)

    assert "connection refused; start it: python -m constellation.start" in why_not(settings)

    others.append("an agent runs on this host: beta (process 7, user root)")
    said = why_not(settings)
    assert "but an agent runs on this host: beta (process 7, user root), with other" in said
    assert "use its settings: constellation --config FILE ..., as its user or as root" in said


@pytest.mark.case("O10")
def test_request_is_sent_again_until_the_agent_has_started() -> None:
    report = RequestRefused(what="nothing to say", why="it has just started", fix="ask again")
    with answering(KEY, ActorAbsent(), ActorAbsent(), report) as address:
        settings = Settings(node_name="alpha", data_dir="/nonexistent", bind_address=address)

        assert ask_agent(settings, KEY, StatusRequest(), timeout_s=5) == report


@pytest.mark.case("O10")
def test_agent_whose_admin_actor_does_not_start_is_not_taken_for_a_silent_one() -> None:
    with answering(KEY, ActorAbsent()) as address:
        settings = Settings(node_name="alpha", data_dir="/nonexistent", bind_address=address)

        with pytest.raises(AdapterError, match="does not answer operators yet"):
            ask_agent(settings, KEY, StatusRequest(), timeout_s=0.3)


def test_agents_are_found_by_the_title_of_their_first_process(tmp_path: Path) -> None:
    for number, title in {
        "17": b"constellation: alpha\0\0\0",
        "18": b"constellation: alpha gossip\0",
        "19": b"vim\0constellation: notes\0",
        "20": b"",
    }.items():
        (tmp_path / number).mkdir()
        (tmp_path / number / "cmdline").write_bytes(title)
    (tmp_path / "21").mkdir()
    (tmp_path / "self").mkdir()

    assert [(one.node, one.process_id) for one in running_agents(tmp_path)] == [("alpha", 17)]
