"""What a start would refuse is found out without creating anything."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

import pytest

from actors.adapters.listening import is_own_address, listening_problem
from actors.adapters.node_directory import NodeDirectories
from actors.start_checks import check_start
from actors.transport.process import write_pid_file
from constellation.errors import AdapterError, ConfigError
from constellation.settings.agent import Settings
from constellation.settings.listeners import Listener
from constellation.start import EXIT_CANNOT_RUN, main
from rigs.loopback import loopback_addresses

KEY = "k" * 40
FOREIGN = "192.0.2.7"  # of TEST-NET-1: nobody's


@pytest.fixture
def address() -> str:
    (found,) = loopback_addresses(1)
    return found


def settings(tmp_path: Path, address: str, **fields: object) -> Settings:
    return Settings.model_validate(
        {
            "node_name": "alpha",
            "data_dir": str(tmp_path / "data"),
            "bind_address": address,
            "http": {"bind_address": address},
            **fields,
        }
    )


def problems(given: Settings) -> list[str]:
    """Return what is refused; nothing may be created."""
    before = sorted(Path(given.data_dir).parent.rglob("*"))
    found = [str(problem) for problem in check_start(given).problems]
    assert sorted(Path(given.data_dir).parent.rglob("*")) == before
    return found


def test_first_start_that_nothing_prevents_has_no_problems(tmp_path: Path, address: str) -> None:
    assert problems(settings(tmp_path, address)) == []


@pytest.mark.case("O11")
def test_all_problems_are_found_at_once(tmp_path: Path, address: str) -> None:
    (tmp_path / "run").symlink_to("/tmp")
    with socket.create_server((address, 8081)):
        found = problems(
            settings(
                tmp_path,
                FOREIGN,
                cluster_key_file="/nonexistent/key",
                runtime_dir=str(tmp_path / "run"),
                docker={"socket": "tcp://docker:2376", "tls_ca_file": "/nonexistent/ca.pem"},
                http={"bind_address": address},
            )
        )

    words = [
        "run cannot be used",
        "/nonexistent/key",
        "ca.pem",
        f"{FOREIGN} is not an address",
        "8081",
    ]
    assert len(found) == len(words)
    assert all(word in said for word, said in zip(words, found, strict=True)), found


@pytest.mark.case("O11")
@pytest.mark.parametrize("mode", [0o644, 0o604, 0o666])
def test_key_file_that_others_can_read_is_found(tmp_path: Path, address: str, mode: int) -> None:
    key = tmp_path / "key"
    key.write_text(KEY)
    key.chmod(mode)

    (said,) = problems(settings(tmp_path, address, cluster_key_file=str(key)))

    assert f"chmod 0640 {key}" in said


@pytest.mark.case("O11")
def test_damaged_identity_is_found(tmp_path: Path, address: str) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "node_identity").write_text("x")
    (tmp_path / "data" / "node_identity").chmod(0o600)

    (said,) = problems(settings(tmp_path, address))

    assert "node_identity is damaged" in said


@pytest.mark.case("O13")
@pytest.mark.parametrize("setting", ["bind_address", "http.bind_address"])
def test_address_of_another_machine_is_named_with_its_setting(
    tmp_path: Path, address: str, setting: str
) -> None:
    own, http = (FOREIGN, address) if setting == "bind_address" else (address, FOREIGN)

    (problem,) = check_start(
        settings(tmp_path, own, cluster_key=KEY, http={"bind_address": http})
    ).problems

    assert isinstance(problem, AdapterError)
    assert str(problem) == (
        f"{setting} cannot be used: {FOREIGN} is not an address of this machine; "
        "set it to one that `ip address` shows here"
    )


@pytest.mark.case("O13")
@pytest.mark.parametrize(
    ("setting", "protocol"),
    [
        ("gossip.port", "tcp"),
        ("gossip.port", "udp"),
        ("actors.port", "tcp"),
        ("http.port", "tcp"),
    ],
)
def test_port_in_use_is_named_with_its_setting(
    tmp_path: Path, address: str, setting: str, protocol: str
) -> None:
    given = settings(tmp_path, address)
    port = next(one.port for one in given.listeners if one.setting == setting)
    kind = socket.SOCK_STREAM if protocol == "tcp" else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind((address, port))
        if protocol == "tcp":
            taken.listen()
        (said,) = problems(given)

    assert said.startswith(f"{address}:{port} ({protocol}, {setting}) cannot be listened on: ")
    assert "another program uses it; stop that program (`ss -lntup` shows it), or set" in said


def test_port_that_was_used_until_now_is_free(address: str) -> None:
    listener = Listener("actors.port", address, 7947)
    with socket.create_server((address, 7947)) as server:
        client = socket.create_connection((address, 7947))
        accepted, _ = server.accept()
        accepted.close()  # it lingers in TIME_WAIT
        client.close()

    assert listening_problem(listener) is None


@pytest.mark.case("O11")
def test_agent_that_runs_is_no_problem_and_its_ports_are_not_tried(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(tmp_path, address)
    monkeypatch.setattr("actors.start_checks.lock_holder", lambda _: 4711)
    with socket.create_server((address, given.gossip.port)):
        checked = check_start(given)

    assert (checked.problems, checked.holder) == ((), 4711)


@pytest.mark.case("O11")
def test_ports_of_processes_that_the_start_ends_are_not_tried(tmp_path: Path, address: str) -> None:
    given = settings(tmp_path, address)
    runtime_dir = tmp_path / "data" / "run"
    runtime_dir.mkdir(parents=True, mode=0o700)
    write_pid_file(runtime_dir, "0a1b2c-1")  # of this process, which runs

    with socket.create_server((address, given.gossip.port)):
        assert problems(given) == []


def test_tailnet_address_that_is_not_there_is_found(tmp_path: Path) -> None:
    nowhere = {"socket": str(tmp_path / "tailscaled.sock"), "wait_s": 60.0}

    (problem,) = check_start(
        settings(tmp_path, "tailscale", cluster_key=KEY, tailscale=nowhere)
    ).problems

    assert 'bind_address = "tailscale": no tailnet address' in str(problem)


def test_full_disk_is_found_before_the_first_start_only(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = settings(tmp_path, address, cluster_key=KEY)
    real = os.statvfs

    def full(path: Path) -> os.statvfs_result:
        return os.statvfs_result((*real(path)[:3], 0, 0, *real(path)[5:]))

    monkeypatch.setattr(os, "statvfs", full)

    (said,) = problems(given)

    assert "No space left on device" in said
    directories = NodeDirectories(given.data_dir, None)
    (directories.data_dir / "node_identity").write_text("ab" * 32)
    (directories.data_dir / "node_identity").chmod(0o600)
    directories.unlock()
    assert problems(given) == []


def test_own_addresses_are_told_from_foreign_ones(address: str) -> None:
    assert is_own_address(address)
    assert not is_own_address(FOREIGN)


@pytest.mark.case("C2")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.ELOOP, errno.EBUSY])
@pytest.mark.parametrize("named", [True, False])
def test_failure_that_nothing_describes_is_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    *,
    number: int,
    named: bool,
) -> None:
    def fail(_: Settings) -> None:
        words = (os.strerror(number), str(tmp_path / "lost")) if named else (os.strerror(number),)
        raise OSError(number, *words)

    monkeypatch.setattr("actors.start.refuse_files", fail)
    monkeypatch.setattr("actors.start._limit_resources", lambda: None)  # of this process
    monkeypatch.setattr(os, "umask", lambda _: 0)

    assert main(["--set", f"data_dir={tmp_path}/data"]) == EXIT_CANNOT_RUN

    (line,) = capsys.readouterr().err.splitlines()
    assert os.strerror(number) in line
    assert ("/lost cannot be used: " if named else "this agent does not start: ") in line


def test_kind_of_a_problem_tells_the_setting_from_the_machine(tmp_path: Path) -> None:
    given = settings(tmp_path, FOREIGN, cluster_key_file="/nonexistent", http={})

    kinds = [type(problem) for problem in check_start(given).problems]

    assert kinds == [ConfigError, AdapterError]
