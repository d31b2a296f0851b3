"""How far a run is: a bar on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 5.0

type Advance = Callable[[int], None]
"""Is told how many more rows are done."""


@contextmanager
def shown(console: Console, total: int) -> Iterator[Advance]:
    """Show progress towards about `total` rows, with the rate and the time left."""
    began = time.monotonic()
    if not console.is_terminal:
        yield _Plain(console, total, began)
        return
    columns = ("{task.completed:,.0f} of {task.total:,.0f} events", "{task.fields[rate]:,.0f}/s")
    with Progress(
        BarColumn(), *(TextColumn(one) for one in columns), TimeRemainingColumn(), console=console
    ) as bar:
        task = bar.add_task("events", total=total, rate=0.0)
        done = 0

        def advance(rows: int) -> None:
            nonlocal done
            done += rows
            bar.update(task, completed=done, total=max(total, done), rate=done / (time.monotonic() - began))

        yield advance


class _Plain:
    def __init__(self, console: Console, total: int, began: float) -> None:
        self._console, self._total, self._began = console, total, began
        self._done = 0
        self._next = began + PLAIN_SECONDS

    def __call__(self, rows: int) -> None:
        self._done += rows
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + PLAIN_SECONDS
        rate = self._done / (now - self._began)
        left = max(0, self._total - self._done) / rate if rate else 0.0
        self._console.print(
            f"{now - self._began:6.1f} s  {self._done:,} of {self._total:,} events  {rate:,.0f}/s"
            f"  {left:,.0f} s left",
            highlight=False,
            soft_wrap=True,
        )
