"""Print lines for people as they are."""

from __future__ import annotations

from rich.console import Console


def say(console: Console, *lines: str) -> None:
    """Print each line as it is: no markup, no highlighting, no wrapping."""
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
