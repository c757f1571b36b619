"""The operator's command run in this process, with an agent that says what a test wants."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from actors import operator_client
from constellation.cli import main as cli
from constellation.cli import session as cli_session
from constellation.settings.agent import Settings
from messages.base import Message
from messages.gossip import GossipLeft

KEY = "k" * 32


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The one line that was said on standard error."""
        assert self.out == ""
        assert self.err.startswith("constellation: ")
        assert self.err.endswith("\n")
        assert self.err.count("\n") == 1, self.err
        return self.err


class Agent:
    """Stands for the agent: gives one answer, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Message | Exception = GossipLeft()
        self.asked: list[tuple[Settings, bytes, Message]] = []
        self.timeouts_s: list[float] = []

    def ask(self, settings: Settings, key: bytes, request: Message, *, timeout_s: float) -> Message:
        assert timeout_s > 2  # the agent itself waits a second for other nodes
        self.asked.append((settings, key, request))
        self.timeouts_s.append(timeout_s)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Agent:
    made = Agent()
    monkeypatch.setattr(operator_client, "ask_agent", made.ask)
    monkeypatch.setattr(cli_session, "DEFAULT_CONFIG", "/nonexistent/agent.toml")
    for name in [one for one in os.environ if one.startswith("CONSTELLATION_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CONSTELLATION_CLUSTER_KEY", KEY)
    return made


@pytest.fixture
def run(agent: Agent, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    def run(*arguments: str) -> Ran:
        code = cli.run(arguments)
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run
