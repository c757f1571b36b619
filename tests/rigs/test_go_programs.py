"""A Go program is compiled once on a machine, and again when its versions change."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from rigs import go_programs
from rigs.go_programs import TAILNET, GoModule, GoProgramError, install

# Writes down how it is called, and takes long enough for a second call to meet it.
GO = """\
#!/bin/sh
echo "$@" >>"$GO_CALLS"
sleep 0.1
while [ "$1" != -o ]; do shift; done
if [ -e fails ]; then echo "no required module provides package" >&2; exit 1; fi
mkdir -p "$(dirname "$2")" && echo program >"$2" && chmod +x "$2"
"""


class Workshop:
    """A module, a pretended Go compiler, and checkouts to install the programs into."""

    def __init__(self, directory: Path) -> None:
        self.sources = directory / "module"
        self.sources.mkdir()
        self.write("go.mod", "module x\nrequire y v1.0.0\n")
        self.module = GoModule(self.sources, {"one": "y/cmd/one", "two": "y/cmd/two"}, ("-trim",))
        self.calls_file = directory / "calls"
        self.checkouts = [directory / "checkout-a", directory / "checkout-b"]

    def write(self, name: str, text: str) -> None:
        (self.sources / name).write_text(text)

    @property
    def calls(self) -> list[str]:
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    made = Workshop(tmp_path)
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text(GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("GO_CALLS", str(made.calls_file))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return made


def test_a_second_checkout_gets_the_programs_without_compiling(workshop: Workshop) -> None:
    for checkout in workshop.checkouts:
        install(workshop.module, checkout)

        assert [(checkout / name).read_text() for name in ("one", "two")] == ["program\n"] * 2
    assert [call.rpartition(" ")[2] for call in workshop.calls] == ["y/cmd/one", "y/cmd/two"]
    assert all(call.startswith("build -buildvcs=false -trim -o ") for call in workshop.calls)


def test_checkouts_that_install_at_once_compile_once(workshop: Workshop) -> None:
    threads = [
        threading.Thread(target=install, args=(workshop.module, checkout))
        for checkout in workshop.checkouts
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(workshop.calls) == 2
    assert all((checkout / "one").exists() for checkout in workshop.checkouts)


def test_another_version_is_compiled_and_replaces_the_link(workshop: Workshop) -> None:
    checkout = workshop.checkouts[0]
    install(workshop.module, checkout)
    before = (checkout / "one").readlink()

    workshop.write("go.mod", "module x\nrequire y v1.0.1\n")
    install(workshop.module, checkout)

    assert len(workshop.calls) == 4
    assert (checkout / "one").readlink() != before


def test_a_program_of_an_earlier_release_is_replaced_by_a_link(workshop: Workshop) -> None:
    checkout = workshop.checkouts[0]
    checkout.mkdir()
    (checkout / "one").write_text("compiled in place")

    install(workshop.module, checkout)

    assert (checkout / "one").read_text() == "program\n"


@pytest.mark.parametrize(
    "other",
    [
        {"flags": ("-race",)},
        {"programs": {"one": "y/cmd/other"}},
        {"programs": {"one": "y/cmd/one"}},
    ],
    ids=["flags", "package", "programs"],
)
def test_flags_and_packages_are_part_of_the_cache_key(
    workshop: Workshop, other: dict[str, object]
) -> None:
    fields = {"sources": workshop.sources, "programs": workshop.module.programs, **other}

    assert GoModule(**fields).cache_key != workshop.module.cache_key  # type: ignore[arg-type]


def test_a_failed_build_says_why_and_is_tried_again(workshop: Workshop) -> None:
    workshop.write("fails", "")
    with pytest.raises(GoProgramError, match="does not compile: no required module provides"):
        install(workshop.module, workshop.checkouts[0])
    assert not (workshop.checkouts[0] / "one").exists()

    (workshop.sources / "fails").unlink()
    install(workshop.module, workshop.checkouts[0])

    assert (workshop.checkouts[0] / "one").exists()


def test_without_go_the_cache_is_enough(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(workshop.module, workshop.checkouts[0])
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(go_programs, "GO_PATH", "/nowhere")

    install(workshop.module, workshop.checkouts[1])

    assert (workshop.checkouts[1] / "one").exists()
    workshop.write("main.go", "package main\n")
    with pytest.raises(GoProgramError, match="no Go on this machine"):
        install(workshop.module, workshop.checkouts[1])


def test_the_command_installs_the_tailnet_or_says_why_not(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(go_programs, "COMPILED", workshop.checkouts[0])

    assert go_programs.main() == 0
    assert {path.name for path in workshop.checkouts[0].iterdir()} == set(TAILNET.programs)

    monkeypatch.setenv("XDG_CACHE_HOME", str(workshop.checkouts[1]))
    monkeypatch.setattr(go_programs, "GO_PATH", "/nowhere")
    monkeypatch.setenv("PATH", "")
    assert go_programs.main() == 1
    assert "headscale, tailscaled, tailscale: no Go" in capsys.readouterr().err
