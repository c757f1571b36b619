"""One reactor for both ends, counters that begin at zero, and a watch on what is decoded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.transport import payload, stats
from actors.transport.reactor import Reactor
from constellation import wire
from constellation.transport.envelope import ActorEnvelope
from tests.transport.ends import Acceptor, Dialler


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    stats.forget()
    made = Reactor()
    yield made
    made.close()
    stats.forget()


@pytest.fixture
def acceptor(reactor: Reactor) -> Iterator[Acceptor]:
    made = Acceptor(reactor)
    yield made
    made.close()


@pytest.fixture
def link(reactor: Reactor, acceptor: Acceptor) -> Iterator[Dialler]:
    made = Dialler(reactor, acceptor.node)
    yield made
    made.close()


@pytest.fixture
def nothing_decoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail the test when anything is decoded in it."""
    decoded: list[str] = []

    def watch(owner: object, name: str) -> None:
        monkeypatch.setattr(owner, name, lambda *_, **__: decoded.append(name))

    watch(payload, "decode")
    watch(wire, "decode")
    watch(wire, "unpack")
    watch(ActorEnvelope, "unpack")
    yield
    assert decoded == []
