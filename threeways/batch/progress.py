"""How far a run is: a bar on a terminal, a line every few seconds in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 5.0

type Advance = Callable[[int], None]
"""Is told how many more rows are done."""


@contextmanager
def shown(console: Console, total: int) -> Iterator[Advance]:
    """Show progress towards about `total` rows, with the rate and the time left."""
    texts = ("{task.completed:,.0f} of {task.total:,.0f} events", "{task.fields[rate]:,.0f}/s")
    bar = Progress(BarColumn(), *map(TextColumn, texts), TimeRemainingColumn(), console=console)
    task = bar.add_task("events", total=total, rate=0.0)
    began = shown_at = time.monotonic()
    done = 0

    def advance(rows: int) -> None:
        nonlocal done, shown_at
        done += rows
        now = time.monotonic()
        rate = done / max(now - began, 1e-9)
        if console.is_terminal:
            bar.update(task, completed=done, total=max(total, done), rate=rate)
        elif now >= shown_at + PLAIN_SECONDS:
            shown_at = now
            left = max(0, total - done) / rate if rate else 0.0
            told = f"{now - began:6.1f} s  {done:,} of {total:,} events  {rate:,.0f}/s  {left:,.0f} s left"
            console.print(told, highlight=False, soft_wrap=True)

    with bar if console.is_terminal else nullcontext():
        yield advance
