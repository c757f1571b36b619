"""`python -m tests.fuzz --runs 200000`: all targets, or one; see `make fuzz`."""

from __future__ import annotations

import argparse
import sys

from tests.fuzz.campaign import Findings, FuzzFailure, run_campaign
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Run the campaigns; return 1 if a failure was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--runs", type=int, default=200_000, help="inputs of each target, about")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from", type=int, default=0, dest="first", help="number to begin with")
    parser.add_argument("--target", choices=[*TARGETS, "all"], default="all")
    chosen = parser.parse_args()
    names = list(TARGETS) if chosen.target == "all" else [chosen.target]
    total, failed = 0, 0
    for name in names:
        target = TARGETS[name]
        runs = chosen.runs if len(names) == 1 else max(1, int(chosen.runs * target.share))
        try:
            findings = run_campaign(
                target,
                runs=runs,
                seed=chosen.seed,
                first=chosen.first,
                progress=lambda now, name=name, runs=runs: _progress(name, now, runs),  # type: ignore[misc]
            )
        except FuzzFailure as failure:
            failed += 1
            sys.stdout.write(f"\n{failure.text}\n")
        else:
            total += findings.runs
            sys.stdout.write(f"{_line(name, findings)}\n")
        sys.stdout.flush()
    sys.stdout.write(f"fuzz: {total} inputs, {failed} of {len(names)} targets failed\n")
    return 1 if failed else 0


def _line(name: str, findings: Findings) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in findings.refused.most_common())
    return (
        f"{name:9} {findings.runs:9} inputs in {findings.took_s:6.1f} s, slowest "
        f"{1000 * findings.slowest_s:6.1f} ms; taken {findings.taken}; refused: {reasons or 'none'}"
    )


def _progress(name: str, findings: Findings, runs: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{name}: {findings.runs} of {runs} ")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
