"""The programs that `bench.gossip` compares: each runs all members of one kind."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import SystemRandom

from bench.programs import BUILD_DIRECTORY, Program, go_program_missing
from rigs.ports import free_port

OURS, PEER = "constellation", "memberlist"
GO_DIRECTORY = Path(__file__).parent / "memberlist_peer"
PEER_PROGRAM = BUILD_DIRECTORY / "memberlist_peer"

Measured = dict[str, list[float]]  # by kind of member


def peer_missing() -> str:
    """Install the peer; return why that fails, "" if it succeeds."""
    return go_program_missing(GO_DIRECTORY, PEER_PROGRAM)


def at_once(running: list[Program], command: str) -> Measured:
    """Send the same command to all; return the answers."""
    for program in running:
        program.tell(command)
    return {program.name: program.answer() for program in running}


@contextlib.contextmanager
def programs(count: int, *, peer: bool, lane: int = 0) -> Iterator[list[Program]]:
    """Run `count` members of each kind, ours first; end them with the block.

    Those of one `lane` do not meet those of another.
    """
    commands = {OURS: [sys.executable, "-m", "bench.gossip_members"]}
    if peer:
        commands[PEER] = [str(PEER_PROGRAM)]
    with contextlib.ExitStack() as stack:
        running = []
        for number, (name, command) in enumerate(commands.items()):
            # Loopback networks that are unlikely to be in use.
            network = f"127.{64 + 2 * (os.getpid() % 90) + number}.{count}"
            arguments = [network, str(free_port(f"{network}.1")), str(count)]
            process = subprocess.Popen(
                [*command, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            running.append(Program(name, process))
        yield running


def pause(between_s: tuple[float, float]) -> None:
    """Sleep for a random time."""
    time.sleep(SystemRandom().uniform(*between_s))
