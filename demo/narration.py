"""The output of the demonstration: text for a person, or one line for each step for a program."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.table import Table

from demo.stage import HOST, SERVICE, SERVICE_PORT, Stage


class Narrator:
    """Prints each step and its duration.  `ask` waits for the person, if there is one."""

    def __init__(self, *, check: bool) -> None:
        self.check = check
        self.steps_ms: list[tuple[str, float]] = []
        self._console = Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, name: str, says: str) -> Iterator[Callable[[str], None]]:
        """Run one step; the block may add results to print."""
        results: list[str] = []
        if not self.check:
            self._console.print(f"[bold]{says}[/bold] ...", end=" ")
        began_s = time.monotonic()
        try:
            yield results.append
        except BaseException:
            if self.check:
                self._print(f"step {name} FAILED after {_ms(began_s):.0f} ms")
            raise
        took_ms = _ms(began_s)
        self.steps_ms.append((name, took_ms))
        result = "; ".join(results)
        if self.check:
            self._print(f"step {name} {took_ms:.0f} ms" + (f" ({result})" if result else ""))
        else:
            self._console.print(f"[green]{took_ms:,.0f} ms[/green]  {result}")

    def show(self, stage: Stage) -> None:
        """Show a person what runs and what to try."""
        if self.check:
            return
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for column in ("Node", "Agent's pages", "Service", "at"):
            table.add_column(column)
        for agent in stage.agents:
            table.add_row(
                agent.name,
                f"http://{agent.address}:8081/",
                f"{SERVICE}.{agent.name}.localhost",
                f"{agent.address}:{SERVICE_PORT}",
            )
        self._console.print()
        self._console.print(table)
        self._console.print(f"\nTry   [bold cyan]curl {stage.url}[/bold cyan]")
        command = " ".join([".venv/bin/constellation", *stage.agents[0].command()[3:]])
        self._console.print(f"and   [bold cyan]{command} status[/bold cyan]")
        self._console.print(f"The instances of all nodes serve {HOST} in turn.\n")

    def say(self, text: str) -> None:
        """Print text for a person between steps."""
        if not self.check:
            self._console.print(text)

    def ask(self, text: str) -> None:
        """Wait until a person presses Enter."""
        if not self.check and sys.stdin.isatty():
            self._console.print(f"[dim]{text}[/dim]", end="")
            input()

    def end(self, *, requests: int, failed: int, failed_at_kills: int) -> None:
        """Print the summary."""
        if not self.check:
            lost = (
                "none failed"
                if not failed + failed_at_kills
                else (f"{failed_at_kills} failed just after a kill, {failed} later")
            )
            self._console.print(f"\n[bold]{requests:,} requests meanwhile; {lost}.[/bold]")
            return
        steps_ms = " ".join(f"{name}_ms={took_ms:.0f}" for name, took_ms in self.steps_ms)
        word = "ok" if failed == 0 else "FAILED"
        self._print(
            f"demo: {word} requests={requests} failed={failed} "
            f"failed_at_kills={failed_at_kills} {steps_ms}"
        )

    @staticmethod
    def _print(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _ms(since_s: float) -> float:
    return (time.monotonic() - since_s) * 1000
