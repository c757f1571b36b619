"""Programs in Go, compiled once on a machine and kept in a cache that all checkouts share.

    python -m rigs.go_programs     # tailscale and headscale, into .components

An entry of the cache is named by a hash of the module's files and of the flags; so it is compiled
again exactly when one of these changes, e.g. a version in go.mod.  Without Go, what the cache has
can still be used.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rigs.availability import COMPILED

GO_PATH = "/usr/local/go/bin:/usr/lib/go/bin"
BUILD_TIMEOUT_S = 600
REASON_CHARACTERS = 300


class GoProgramError(Exception):
    """A program cannot be compiled here; the text says why."""


@dataclass(frozen=True, slots=True)
class GoModule:
    """One Go module and the programs to compile: their names and packages."""

    sources: Path
    programs: Mapping[str, str]
    flags: tuple[str, ...] = ()

    @property
    def cache_key(self) -> str:
        """A hash of everything that decides what the compiler makes of it."""
        digest = hashlib.sha256()
        recipe = (platform.machine(), *self.flags, *(f"{k}={v}" for k, v in self.programs.items()))
        files = sorted(path for path in self.sources.rglob("*") if path.is_file())
        contents = ((str(path.relative_to(self.sources)), path.read_bytes()) for path in files)
        for part in (*recipe, *(part for pair in contents for part in pair)):
            data = part.encode() if isinstance(part, str) else part
            digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()[:32]


TAILNET = GoModule(
    Path(__file__).parent / "tailnet_programs",
    {
        "headscale": "github.com/juanfont/headscale/cmd/headscale",
        "tailscaled": "tailscale.com/cmd/tailscaled",
        "tailscale": "tailscale.com/cmd/tailscale",
    },
    (
        *("-mod=mod", "-trimpath", "-ldflags=-s -w"),
        "-tags=ts_omit_aws,ts_omit_kube,ts_omit_bird,ts_omit_tap,ts_omit_completion",
    ),
)


def install(module: GoModule, directory: Path) -> None:
    """Link the module's programs into a directory; compile them first if the cache lacks them.

    Raises:
        GoProgramError: they are not in the cache and cannot be compiled.
    """
    entry = cache_directory() / module.cache_key
    with _locked(entry.with_suffix(".lock")):
        if not entry.exists():
            _compile(module, entry)
    directory.mkdir(parents=True, exist_ok=True)
    for name in module.programs:
        link = directory / name
        if not link.is_symlink() or link.readlink() != entry / name:
            link.unlink(missing_ok=True)
            link.symlink_to(entry / name)


def cache_directory() -> Path:
    """Return the directory that all checkouts of this user share."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "constellation" / "go"


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let others that want the same entry wait until it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _compile(module: GoModule, entry: Path) -> None:
    go = shutil.which("go") or shutil.which("go", path=GO_PATH)
    if go is None:
        raise GoProgramError("no Go on this machine to compile it")
    with tempfile.TemporaryDirectory(dir=entry.parent) as directory:
        # A copy, because go may write what it resolves into go.mod.
        sources, made = Path(directory) / "sources", Path(directory) / "programs"
        shutil.copytree(module.sources, sources)
        for name, package in module.programs.items():
            flags = ["-buildvcs=false", *module.flags]
            _run([go, "build", *flags, "-o", str(made / name), package], sources)
        made.rename(entry)  # An interrupted build leaves no entry.


def _run(command: list[str], sources: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=sources,
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GoProgramError(f"compiling took more than {BUILD_TIMEOUT_S} s") from None
    if done.returncode != 0:
        reason = " ".join(done.stderr.split())[-REASON_CHARACTERS:]
        raise GoProgramError(f"it does not compile: {reason}")


def main() -> int:
    """Install the programs of the tailnet; return 1 and say why if that fails."""
    try:
        install(TAILNET, COMPILED)
    except GoProgramError as error:
        sys.stderr.write(f"{', '.join(TAILNET.programs)}: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
