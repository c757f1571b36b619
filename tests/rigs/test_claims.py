"""Test processes that run at the same time never use the same ports, addresses or networks."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import pytest

from rigs.claims import claim, claimed
from rigs.loopback import loopback_addresses
from rigs.ports import BLOCK_PORTS, EPHEMERAL_RANGE, FIRST_PORT, block_starts, free_ports
from rigs.subnets import HOST_SPACE, POOL_SPACE, free_subnet

ROOT = Path(__file__).parent.parent.parent


@contextlib.contextmanager
def elsewhere(expression: str) -> Iterator[str]:
    """Evaluate an expression in another process, which lives as long as the block."""
    code = f"from rigs import claims, loopback, ports, subnets\nprint({expression}, flush=True)\n"
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}input()"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.communicate("\n")


def test_a_name_is_claimed_by_one_process_until_it_ends() -> None:
    name = token_hex(8)

    with elsewhere(f"claims.claim('{name}')") as answer:
        assert answer == "True"
        assert not claim(name)

    assert claim(name)
    assert not claim(name)


def test_choices_that_others_claimed_are_skipped() -> None:
    kind = token_hex(8)
    assert claim(f"{kind} 1")

    choices = claimed(kind, [1, 2, 3])

    assert {next(choices), next(choices)} == {2, 3}
    with pytest.raises(RuntimeError, match=f"no {kind} left"):
        next(choices)


def test_processes_draw_ports_from_different_blocks() -> None:
    with elsewhere("*ports.free_ports(3)") as answer:
        theirs = {block_of(int(port)) for port in answer.split()}
        ours = {block_of(port) for port in free_ports(3)}

    assert theirs
    assert ours.isdisjoint(theirs)


def block_of(port: int) -> int:
    return (port - FIRST_PORT) // BLOCK_PORTS


def test_ports_are_different_and_free() -> None:
    ports = free_ports(2 * BLOCK_PORTS)

    assert len(set(ports)) == 2 * BLOCK_PORTS
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", ports[0]))


def test_a_port_in_use_is_not_given() -> None:
    (port,) = free_ports(1)
    following = port + 1
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", following))

        assert following not in free_ports(3)


@pytest.mark.parametrize(
    ("ephemeral", "end"),
    [("32768\t60999\n", 32_768), ("1024\t65535\n", 65_536), ("20000\t20063\n", 20_000)],
)
def test_blocks_of_ports_end_below_the_ephemeral_range(ephemeral: str, end: int) -> None:
    blocks = block_starts(ephemeral)

    assert blocks[0] == FIRST_PORT
    assert end - BLOCK_PORTS < blocks[-1] + BLOCK_PORTS <= end


def test_this_machine_has_enough_blocks_of_ports() -> None:
    assert len(block_starts(EPHEMERAL_RANGE.read_text())) >= 100


def test_processes_draw_loopback_addresses_from_different_networks() -> None:
    with elsewhere("*loopback.loopback_addresses(2)") as answer:
        theirs = {address.split(".")[1] for address in answer.split()}
        ours = {address.split(".")[1] for address in loopback_addresses(2)}

    assert len(theirs) == 1
    assert ours.isdisjoint(theirs)


def test_each_call_returns_addresses_of_a_network_of_its_own() -> None:
    first, second = loopback_addresses(3), loopback_addresses(3)

    networks = [{address.rpartition(".")[0] for address in one} for one in (first, second)]
    assert [len(network) for network in networks] == [1, 1]
    assert networks[0] != networks[1]


@pytest.mark.needs("netns")
def test_networks_of_hosts_and_of_docker_never_overlap() -> None:
    hosts, more_hosts = free_subnet(), free_subnet()
    pool = free_subnet(POOL_SPACE, 18)

    assert hosts != more_hosts
    assert (hosts.prefixlen, pool.prefixlen) == (24, 18)
    assert hosts.subnet_of(HOST_SPACE)
    assert pool.subnet_of(POOL_SPACE)
    assert not HOST_SPACE.overlaps(POOL_SPACE)
