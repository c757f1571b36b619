"""Run the demonstration: `python -m demo`, or `python -m demo --check` for programs."""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from demo.narration import Narrator
from demo.story import tell
from rigs.availability import missing

ROOT = Path(__file__).parent.parent


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
        sys.stderr.write(f"demo: FAILED: {reason}; `make demo` installs it\n")
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stops everything
    made = ROOT / ".demo"
    made.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=made))
    try:
        held = tell(directory, Narrator(check=check))
    except AssertionError as error:
        sys.stderr.write(f"demo: FAILED: {error}\nThe logs are in {directory}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("demo: stopped\n")
        return 130
    shutil.rmtree(directory)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
