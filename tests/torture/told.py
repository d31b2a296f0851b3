"""What the tests of every schedule tell, added up: each ran one batch's, in whichever worker."""

from __future__ import annotations

from collections.abc import Iterable


def summed(told: Iterable[tuple[int, int, int, float]], *, full: bool) -> str:
    """The line for pytest's summary. told: schedules with no fault, one and two, and their seconds."""
    none, single, pairs, seconds = (sum(numbers) for numbers in zip(*told, strict=True))
    return (
        f"torture: {none + single + pairs:,} schedules in {seconds:.0f} s of one core, none lost a record:"
        f" {none:,} without a fault, {single:,} with one, {pairs:,} with two; batches of 1 to 4 records over"
        " two keys (equal up to swapping them: once) and aggregated ones of two user records"
        + ("" if full else "; pairs for up to 2 records: --torture-full runs those for 3 and 4")
    )
