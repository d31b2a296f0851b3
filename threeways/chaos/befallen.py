"""What befell a run, for people: each fault once, by what was struck and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from threeways.emulator.faults import Kind

RESHARDED = "streams: shards split or merged"


def by_part(part: str, counts: Mapping[str, int], refused: int = 0) -> Counter[str]:
    """Return what befell a part's calls. counts: its proxy's. refused: of them those that the queue refused.

    A call whose entries failed by the schedule is among those with failed entries.
    """
    named = Counter({f"{part}: {_CALLS[name]}": count for name, count in counts.items() if name in _CALLS})
    if refused:
        named[f"{part}: {_CALLS[Kind.ERROR]}"] -= refused
        named[f"{part}: calls while the queue was down"] = refused
    return +named


_CALLS = {
    Kind.THROTTLED: "calls throttled",
    Kind.ERROR: "calls failed with HTTP 500",
    "partial_failures": "PutRecords of which a part was not stored",
    Kind.RESET_BEFORE: "connections reset before the call was handled",
    Kind.RESET_AFTER: "connections reset after the call was handled",
    Kind.SLOW_BEFORE: "calls handled too late",
    Kind.SLOW_AFTER: "calls answered too late",
    Kind.KILL_BEFORE: "killed in a call, before it was handled",
    Kind.KILL_AFTER: "killed in a call, after it was handled",
    "outage": "outages begun",
    "unreachable": "calls that did not reach the emulator",
}
"""A proxy's counts -> what they are of. `partial` is left out: `partial_failures` has it."""


def show_struck(console: Console, struck: Mapping[str, int]) -> None:
    """Print it."""
    table = Table(title="What befell it", title_justify="left", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    for name, count in struck.items():
        table.add_row(name, f"{count:,}")
    console.print(table)
