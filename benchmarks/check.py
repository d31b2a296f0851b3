"""`make bench-check`: whether a ratio of `bench.json` is worse than the committed one by more than noise.

Ratios only: seconds are this machine's. What counts as noise is told by both files' quartiles. To accept new
figures: copy `.local/bench.json`, measured on a quiet machine, over `benchmarks/committed.json`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

ROOT = Path(__file__).resolve().parents[1]
COMMITTED, MEASURED = ROOT / "benchmarks" / "committed.json", ROOT / ".local" / "bench.json"
LEAST = 0.10
"""A ratio may always be so much worse: a quiet machine's day against another's."""
MOST = 0.50
"""More than this is never noise."""

Ratio = Annotated[float, Meta(gt=0)]


class Figure(msgspec.Struct, frozen=True):
    """What matters of a measure here."""

    name: str
    ratio: Ratio | None
    quartiles: tuple[Ratio, Ratio] | None = None
    at_most: bool = False


class Figures(msgspec.Struct, frozen=True):
    """What matters of a file."""

    measures: list[Figure]


class Unreadable(Exception):
    """A file is not there or is no `bench.json`; the message says how to mend it."""


def read(path: Path, mend: str) -> dict[str, Figure]:
    """A file's figures that have a ratio, by name. Raises Unreadable."""
    try:
        figures = msgspec.json.decode(path.read_bytes(), type=Figures)
    except OSError as error:
        raise Unreadable(f"{path} cannot be read ({error.strerror}): {mend}") from None
    except msgspec.MsgspecError as error:
        raise Unreadable(f"{path} is no result of `make bench` ({error}): {mend}") from None
    return {one.name: one for one in figures.measures if one.ratio is not None}


def worse(committed: dict[str, Figure], measured: dict[str, Figure]) -> list[str]:
    """A line for each ratio that got worse by more than noise, and for each that is no longer measured."""
    lines = []
    for name, before in committed.items():
        now = measured.get(name)
        if now is None:
            lines.append(f"{name}: is no longer measured")
            continue
        assert before.ratio is not None
        assert now.ratio is not None
        factor = now.ratio / before.ratio if before.at_most else before.ratio / now.ratio
        allowed = 1 + noise(before, now)
        if factor > allowed:
            lines.append(
                f"{name}: {now.ratio:.3g}, committed {before.ratio:.3g}: {factor - 1:.0%} worse, "
                f"and noise is {allowed - 1:.0%}"
            )
    return lines


def noise(before: Figure, now: Figure) -> float:
    """What share a ratio may be worse by: the two spreads together, between LEAST and MOST."""
    return min(MOST, max(LEAST, _spread(before) + _spread(now)))


def _spread(figure: Figure) -> float:
    if figure.quartiles is None or figure.ratio is None:
        return 0.0
    low, high = figure.quartiles
    return abs(high - low) / figure.ratio


def main(arguments: list[str] | None = None) -> int:
    """0: nothing got worse. 1: something did. 2: a file cannot be used."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--measured", type=Path, default=MEASURED)
    parser.add_argument("--committed", type=Path, default=COMMITTED)
    given = parser.parse_args(arguments)
    try:
        committed = read(given.committed, "take it from git, or copy a measured one over it")
        measured = read(given.measured, "run `make bench` first")
    except Unreadable as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lines = worse(committed, measured)
    for line in lines:
        print(f"worse: {line}")
    print(f"{len(committed)} ratios compared, {len(lines)} got worse by more than noise")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
