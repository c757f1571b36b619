"""Run the demonstration: `python -m demo`, or `python -m demo --check` for programs."""

from __future__ import annotations

import argparse
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from actors.adapters.node_directory import directory_problems
from demo.narration import Narrator
from demo.story import tell
from rigs.availability import ComponentUnavailableError, missing
from rigs.patience import be_patient

ROOT = Path(__file__).parent.parent
REASON_CHARACTERS_MAX = 300
SLOW = 1.5  # times slower than normal: worth a word


def main() -> int:
    """Run all steps; return 0 if each succeeded and no request failed outside the grace time."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="do not wait for a person",
    )
    check = parser.parse_args().check
    if reason := missing("traefik"):
        sys.stderr.write(
            f"demo: FAILED: {reason}; `make demo` installs it: see build/log/traefik.log\n"
        )
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops everything
    narrator, directory = Narrator(check=check), _directory()
    patience = be_patient()
    if patience.factor > SLOW:
        narrator.say(
            f"This machine is slow now: time limits are {patience.factor:.1f} times longer."
        )
    try:
        held = tell(directory, narrator)
    except (
        AssertionError,
        OSError,
        subprocess.SubprocessError,
        ComponentUnavailableError,
    ) as error:
        sys.stderr.write(f"demo: FAILED: {in_one_line(error)}; the logs are in {directory}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("demo: stopped\n")
        return 130
    shutil.rmtree(directory)
    return 0 if held else 1


def _directory() -> Path:
    """Return a new directory below the checkout, or where agents of this user may have theirs."""
    made = ROOT / ".demo"
    if any(directory_problems(str(made / "data"), None)):
        return Path(tempfile.mkdtemp(prefix="constellation-demo-"))
    made.mkdir(exist_ok=True)
    return Path(tempfile.mkdtemp(dir=made))


def in_one_line(error: Exception) -> str:
    """Return what failed, without the logs that a test would print after it."""
    first = (str(error) or type(error).__name__).splitlines()[0]
    return first if len(first) <= REASON_CHARACTERS_MAX else f"{first[:REASON_CHARACTERS_MAX]}..."


if __name__ == "__main__":
    sys.exit(main())
