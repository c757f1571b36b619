"""The process of the provider answers calls, and whatever happens to it is an answer too."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from actors.adapters.dns_credentials import provider_start
from actors.adapters.dns_process import DnsProcess
from constellation.errors import ConfigError
from constellation.settings.agent import Settings
from messages.dns_calls import (
    CloudflareAccess,
    DnsAnswer,
    DnsCallFailed,
    DnsChange,
    DnsCreate,
    DnsProviderStart,
    DnsZone,
    DnsZoneFind,
    DnsZoneFound,
)
from rigs.cloudflare import TOKEN, Cloudflare, Fault, cloudflare
from rigs.processes import wait_until

pytestmark = pytest.mark.slow  # each process loads the SDK

ROOT = Path(__file__).parent.parent.parent
ZONE = "home.example"
FIND = DnsZoneFind(name=ZONE)
HANGS = Fault(hangs=True, at="after")
TIMEOUT_S = 20.0


@pytest.fixture
def api() -> Iterator[Cloudflare]:
    with cloudflare() as served:
        served.add_zone(ZONE)
        yield served


def start_of(api: Cloudflare, token: str = TOKEN) -> DnsProviderStart:
    access = CloudflareAccess(base_url=api.url, api_token=token)
    return DnsProviderStart(node_name="alpha", access=access)


def run(process: DnsProcess, work: Callable[[], Awaitable[None]]) -> None:
    async def closing() -> None:
        try:
            await work()
        finally:
            await process.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(closing())


def change(api: Cloudflare) -> DnsChange:
    create = DnsCreate(name=ZONE, type="A", content="192.0.2.1", ttl_s=60, comment="c")
    (zone_id,) = api.zone_ids
    return DnsChange(zone=DnsZone(id=zone_id, name=ZONE), creates=(create,))


def kind(answer: DnsAnswer) -> str:
    return answer.failure if isinstance(answer, DnsCallFailed) else type(answer).__name__


def is_running(process_id: int) -> bool:
    try:
        status = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status != "Z"


def test_process_shows_no_secret_and_survives_the_signals_of_a_terminal(
    api: Cloudflare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", TOKEN)
    monkeypatch.setenv("CONSTELLATION_CLUSTER_KEY", "k" * 40)
    monkeypatch.setenv("SSL_CERT_FILE", "/nonexistent")
    process = DnsProcess(lambda: start_of(api))

    async def work() -> None:
        assert process.process_id == 0
        assert kind(await process.call(FIND, TIMEOUT_S)) == "DnsZoneFound"
        child = Path(f"/proc/{process.process_id}")
        title = (child / "cmdline").read_text().rstrip("\0 ")
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(process.process_id, number)
        assert kind(await process.call(FIND, TIMEOUT_S)) == "DnsZoneFound"
        environment = (child / "environ").read_bytes()
        began_s = time.monotonic()
        await process.close()

        assert time.monotonic() - began_s < 1.0
        assert title == "constellation: alpha dns-provider"
        assert TOKEN.encode() not in environment
        assert b"k" * 40 not in environment
        assert not is_running(int(child.name))

    run(process, work)
    assert process.starts == 1


def test_process_that_ends_or_hangs_in_a_call_is_replaced_with_the_next(api: Cloudflare) -> None:
    process = DnsProcess(lambda: start_of(api))

    async def work() -> None:
        assert kind(await process.call(FIND, TIMEOUT_S)) == "DnsZoneFound"
        first = process.process_id
        api.plant(HANGS, times=2)
        calling = asyncio.create_task(process.call(change(api), TIMEOUT_S))
        while not api.calls_of("batch"):
            await asyncio.sleep(0.01)
        os.kill(first, signal.SIGKILL)
        killed = await calling
        silent = await process.call(FIND, 1.5)
        assert process.process_id == 0

        assert (kind(killed), kind(silent)) == ("uncertain", "transient")
        assert isinstance(killed, DnsCallFailed)
        assert "ended with exit code -9" in killed.why
        assert isinstance(silent, DnsCallFailed)
        assert "did not answer within 1.5 s" in silent.why
        assert kind(await process.call(FIND, TIMEOUT_S)) == "DnsZoneFound"
        second = process.process_id
        os.kill(second, signal.SIGKILL)
        wait_until(lambda: process.process_id == 0, timeout_s=2.0, what="its end")
        assert kind(await process.call(change(api), TIMEOUT_S)) == "conflict"  # it was done before
        assert process.process_id not in {0, first, second}

    run(process, work)
    assert process.starts == 4
    assert len(api.records(api.zone_ids[0])) == 1


def test_closing_and_cancelling_end_a_call_under_way(api: Cloudflare) -> None:
    process = DnsProcess(lambda: start_of(api))

    async def begin() -> asyncio.Task[DnsAnswer]:
        api.forget_calls()
        calling = asyncio.create_task(process.call(change(api), TIMEOUT_S))
        while not api.calls_of("batch"):
            await asyncio.sleep(0.01)
        return calling

    async def work() -> None:
        api.plant(HANGS, times=2)
        calling = await begin()
        waiting = asyncio.create_task(process.call(FIND, TIMEOUT_S))
        await asyncio.sleep(0)
        child = process.process_id
        await process.close()
        assert [kind(await calling), kind(await waiting)] == ["uncertain", "transient"]
        assert (process.process_id, is_running(child)) == (0, False)

        calling = await begin()  # after a closing it is started again
        child = process.process_id
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert process.process_id == 0
        wait_until(lambda: not is_running(child), timeout_s=1.0, what="the end of the process")

    run(process, work)


def test_new_token_in_its_file_is_used_from_the_next_call_on(
    api: Cloudflare, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.touch(0o600)
    settings = Settings.model_validate(
        {
            "node_name": "alpha",
            "data_dir": str(tmp_path),
            "domain": ZONE,
            "dns": {
                "zones": [{"name": ZONE}],
                "cloudflare": {"base_url": api.url, "api_token_file": str(file)},
            },
        }
    )
    process = DnsProcess(lambda: provider_start(settings))

    async def work() -> None:
        file.write_text("of-yesterday\n")
        old = await process.call(FIND, TIMEOUT_S)
        file.write_text(f"{TOKEN}\n")
        new = await process.call(FIND, TIMEOUT_S)
        file.write_text("")
        none = await process.call(FIND, TIMEOUT_S)

        assert [kind(one) for one in (old, new, none)] == ["permanent", "DnsZoneFound", "permanent"]
        assert isinstance(none, DnsCallFailed)
        assert "dns.cloudflare.api_token_file" in none.fix
        assert process.process_id == 0

    run(process, work)


def test_library_that_cannot_be_loaded_is_a_permanent_failure(
    api: Cloudflare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A directory of the same name is found before the package.
    broken = tmp_path / "cloudflare"
    broken.mkdir()
    (broken / "__init__.py").write_text(f"raise ImportError('{TOKEN}')")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    monkeypatch.setattr("actors.adapters.dns_process.child_environment", lambda _: environment)
    process = DnsProcess(lambda: start_of(api))

    async def work() -> None:
        failed = await process.call(FIND, TIMEOUT_S)

        assert kind(failed) == "permanent"
        assert "ImportError at __init__.py:1" in repr(failed)
        assert TOKEN not in repr(failed)
        assert process.process_id == 0

    run(process, work)


PARENT = """
import asyncio, sys
from actors.adapters.dns_process import DnsProcess
from constellation.log import log_errors_only
from messages.dns_calls import CloudflareAccess, DnsProviderStart, DnsZoneFind

log_errors_only("alpha")

async def main():
    access = CloudflareAccess(base_url=sys.argv[1], api_token=sys.argv[2])
    process = DnsProcess(lambda: DnsProviderStart(node_name="alpha", access=access))
    print(type(await process.call(DnsZoneFind(name="home.example"), 20.0)).__name__, flush=True)
    print(process.process_id, flush=True)
    sys.stdin.readline()
    await process.call(DnsZoneFind(name="home.example"), 20.0)

asyncio.run(main())
"""


def test_process_ends_with_a_killed_parent_in_the_middle_of_a_call(api: Cloudflare) -> None:
    command = [sys.executable, "-c", PARENT, api.url, TOKEN]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        assert parent.stdout.readline().strip() == DnsZoneFound.__name__
        child = int(parent.stdout.readline())
        api.plant(Fault(hangs=True))
        parent.stdin.write("go on\n")
        parent.stdin.flush()
        wait_until(lambda: len(api.calls) == 2, timeout_s=10.0, what="the second call")
        assert is_running(child)
        parent.kill()

        wait_until(lambda: not is_running(child), timeout_s=2.0, what="the end of the process")


def test_what_is_no_credential_is_told(api: Cloudflare) -> None:
    def start() -> DnsProviderStart:
        raise ConfigError("dns.cloudflare: no credentials: set dns.cloudflare.api_token_file")

    process = DnsProcess(start)

    async def work() -> None:
        failed = await process.call(FIND, TIMEOUT_S)

        assert isinstance(failed, DnsCallFailed)
        assert failed.failure == "permanent"
        assert "api_token_file" in failed.fix

    run(process, work)


def test_start_shows_no_secret() -> None:
    start = start_of(Cloudflare())

    assert TOKEN not in f"{start} {start!r} {start.access} {start.access!r}"
    assert not start.crosses_nodes
