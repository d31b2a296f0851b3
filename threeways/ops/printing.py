"""Print lines for people as they are."""

from __future__ import annotations

from rich.console import Console

from threeways.masking import masked


def say(console: Console, *lines: str) -> None:
    """Print each line as it is, but for passwords in it: no markup, no highlighting, no wrapping."""
    for line in lines:
        console.print(masked(line), markup=False, highlight=False, soft_wrap=True)
