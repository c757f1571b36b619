"""`python -m tests.traefik.verdicts`: asks Traefik about every value, and rewrites the table.

See `make verdicts`.  Read the difference before you commit it: each change is a decision of the
schema that a new Traefik makes differently.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.traefik.verdicts import table
from tests.traefik.verdicts.asking import asker
from tests.traefik.verdicts.values import questions


def main() -> int:
    """Ask everything; print the progress to a terminal."""
    asked = list(questions())
    found = []
    with tempfile.TemporaryDirectory() as directory, asker(Path(directory)) as traefik:
        for number, question in enumerate(asked, 1):
            found.append((question, traefik.ask(question)))
            if sys.stderr.isatty():
                sys.stderr.write(f"\r{number} of {len(asked)} ")
    table.write(found)
    sys.stdout.write(f"verdicts: {len(asked)} values, see {table.FILE.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
