"""One request to an agent from outside: an operator's command, with the cluster key."""

from __future__ import annotations

import time
from contextlib import closing

from actors.adapters.running_agents import other_agents
from actors.transport import stats
from actors.transport.conversation import Conversation
from actors.transport.peer_links import CONNECT_TIMEOUT_S, SILENT
from constellation.errors import AdapterError
from constellation.settings.node import NodeSettings
from messages.base import Message
from messages.operator import ActorAbsent

START_IT = "python -m constellation.start (or systemctl start constellation-agent)"
USE_ITS_SETTINGS = "constellation --config FILE ..., as its user or as root"
AGAIN_S = 0.1
ADMIN = "admin"  # whoever is the node's admin actor now


def ask_agent(settings: NodeSettings, key: bytes, request: Message, *, timeout_s: float) -> Message:
    """Send `request` to the admin actor of the agent with these settings; return its answer.

    Raises:
        AdapterError: no agent answers at its address, or it has another key.
    """
    host, port = settings.bind_address, settings.actors.port
    deadline_s = time.monotonic() + timeout_s
    is_starting = False
    with closing(Conversation(host, port, key)) as conversation:
        conversation.send(ADMIN, request)
        while (left_s := deadline_s - time.monotonic()) > 0:
            if failure := _failure(host, port):
                raise failure
            answer = conversation.receive(left_s)
            if isinstance(answer, ActorAbsent):  # nobody has had the request: send it again
                is_starting = True
                time.sleep(min(AGAIN_S, left_s))
                conversation.send(ADMIN, request)
            elif answer is not None:
                return answer
    where = _where(host, port)
    raise _absent(where, timeout_s) if is_starting else _stuck(where, timeout_s)


def _failure(host: str, port: int) -> AdapterError | None:
    """Return why the connection cannot be used, if the transport has found out."""
    where = _where(host, port)
    if stats.COUNTERS["refused", "unauthenticated"] or stats.COUNTERS["dropped", "peer_refused"]:
        return AdapterError(
            f"the agent at {where} refused this command",
            why="it has another cluster_key",
            fix=f"use the settings of the agent: {USE_ITS_SETTINGS}",
        )
    for (kind, _), detail in stats.LATEST.items():
        if kind == "refused":
            return AdapterError(
                f"what answers at {where} is no agent that this command understands",
                why=detail,
                fix="correct bind_address or actors.port, or use the command that came with the "
                "agent",
            )
        if detail == SILENT:
            return _stuck(where, CONNECT_TIMEOUT_S)
        return _unreachable(where, detail.lower())
    return None


def _where(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _absent(where: str, timeout_s: float) -> AdapterError:
    return AdapterError(
        f"the agent at {where} does not answer operators yet",
        why=f"its admin actor has not run for {timeout_s:g} s; the agent may be starting",
        fix="retry; if that persists, see its log",
    )


def _stuck(where: str, timeout_s: float) -> AdapterError:
    return AdapterError(
        f"the agent at {where} did not answer",
        why=f"it takes connections, but gave no answer within {timeout_s:g} s; it may be starting, "
        "or stuck, or this host is overloaded",
        fix="retry; if that persists, see its log, and restart it",
    )


def _unreachable(where: str, detail: str) -> AdapterError:
    others = other_agents()
    if others:
        why = f"{detail}; but {others}, with other settings than these, or about to start"
        fix = f"use its settings: {USE_ITS_SETTINGS}; or start it: {START_IT}"
    else:
        why = detail
        fix = f"start it: {START_IT}; if it has other settings, use them: {USE_ITS_SETTINGS}"
    return AdapterError(f"no agent answers at {where}", why=why, fix=fix)
