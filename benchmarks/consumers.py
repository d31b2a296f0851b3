"""`make bench-consumers`: one stream's consumers beside each other and alone. Half an hour on a busy machine.

Two tables of medians of interleaved rounds: a consumer beside one that fails, in five ways; and ten
consumers, by polling and with enhanced fan-out. Writes `.local/bench-consumers.json`. The exit status is 1
where an output is not byte for byte what it is alone.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

os.environ["OMP_NUM_THREADS"] = "1"  # as for make bench

from rich.console import Console
from rich.table import Table

from benchmarks import consumers_faults, consumers_many, tell
from benchmarks.consumers_many import Speed
from benchmarks.measure import ratio_of

if TYPE_CHECKING:
    from benchmarks.consumers_faults import Output, Pair

LOCAL = Path(".local")
RECORDS = f"{consumers_faults.RIDES} rides, {consumers_faults.KEYS} keys"


def main() -> int:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--consumers", type=int, default=10)
    parser.add_argument("--rides", type=int, default=6_000, help="as fast as it goes")
    parser.add_argument("--rate", type=float, default=100.0, help="rides a second of the paced runs")
    parser.add_argument("--only", choices=("faults", "many"), help="one of the tables")
    given = parser.parse_args()
    console = Console()
    wide = Console(width=None if console.is_terminal else 185)
    from threeways.training.train import resolve_or_train

    duration = resolve_or_train(console=console, folder=LOCAL)
    found: dict[str, Any] = {}
    with (LOCAL / "bench-consumers.log").open("w", encoding="utf-8") as file:
        log = Console(file=file, width=150)
        if given.only != "many":
            tip = resolve_or_train(console=console, folder=LOCAL, task="ride_tip")
            console.print(f"Durations beside tips that fail: {given.rounds} rounds")
            with (
                tempfile.TemporaryDirectory(prefix="bench-", dir=LOCAL) as place,
                consumers_faults.pair(duration, tip, Path(place), log) as pair,
            ):
                found["faults"] = _faults(pair, given.rounds)
            wide.print(_faults_table(found["faults"], given.rounds))
        if given.only != "faults":
            console.print(f"{given.consumers} consumers beside one alone: {given.rounds} rounds")
            with consumers_many.crowd(duration, given.consumers, LOCAL) as crowd:
                many = _many(crowd, given, log)
            found["many"] = {name: [asdict(speed) for speed in speeds] for name, speeds in many.items()}
            wide.print(_many_table(many, given.consumers, given.rounds))
    told = {"machine": tell.machine(), "versions": tell.versions()}
    tell.put(LOCAL / "bench-consumers.json", found | told, console)
    return 0 if all(row["bytes"] and row["order"] for row in found.get("faults", [])) else 1


def _faults(pair: Pair, rounds: int) -> list[dict[str, Any]]:
    """For each fault: whether the output is the same, and the median age alone and beside in each round."""
    rows: dict[str, dict[str, Any]] = {
        name: {"fault": name, "bytes": True, "order": True, "alone": [], "beside": [], "load": []}
        for name in consumers_faults.FAULTS
    }
    for _, (name, fault) in itertools.product(range(rounds), consumers_faults.FAULTS.items()):
        row = rows[name]
        with fault(pair) as tip:
            output, counts = pair.beside(tip)
            row["alone"].append(median(pair.ages()))
            row["beside"].append(median(pair.ages(tip)))
        row["bytes"] &= _all(output) == _all(pair.alone)
        row["order"] &= output == pair.alone
        row["tips"] = {
            "invocations": counts.invocations, "failed": counts.failed,
            "throttled": counts.throttled, "done": counts.records,
        }  # fmt: skip
        row["load"].append(os.getloadavg()[0])
    return list(rows.values())


def _all(output: Output) -> list[bytes]:
    return sorted(itertools.chain.from_iterable(output.values()))


def _faults_table(rows: Sequence[Mapping[str, Any]], rounds: int) -> Table:
    table = Table(
        title=f"Durations beside tips, {RECORDS}; age: medians of {rounds} interleaved rounds (least - most)",
        title_justify="left",
        pad_edge=False,
    )
    for name in ("tips", "of its invocations", "bytes", "order per key", "age alone", "age beside", "load"):
        table.add_column(name, justify="left" if name == "tips" else "right")
    for row in rows:
        tips = row["tips"]
        refused = f"{tips['throttled']} throttled" if tips["throttled"] else f"{tips['invocations']}"
        table.add_row(
            row["fault"],
            f"{refused}, {tips['failed']} failed",
            "equal" if row["bytes"] else "DIFFERENT",
            "equal" if row["order"] else "DIFFERENT",
            _spread(row["alone"], " s"),
            _spread(row["beside"], " s"),
            f"{median(row['load']):.1f}",
        )
    return table


def _many(crowd: consumers_many.Crowd, given: Any, log: Console) -> dict[str, list[Speed]]:
    """Speeds of each side, by its name, in each round."""
    found: dict[str, list[Speed]] = {}
    for _, rate, fan_out, count in itertools.product(
        range(given.rounds), (None, given.rate), (False, True), (1, given.consumers)
    ):
        rides = given.rides if rate is None else round(10 * rate)
        ledgers = crowd.run(count, rides, rate, log, fan_out=fan_out)
        reads = "fan-out" if fan_out else "polling"
        pace = "as fast as it goes" if rate is None else f"{rate:g} a second"
        side = "alone" if count == 1 else "beside"
        found.setdefault(f"{reads}, {pace}, {side}", []).append(
            consumers_many.speed(ledgers, os.getloadavg()[0])
        )
    return found


def _many_table(found: Mapping[str, Sequence[Speed]], count: int, rounds: int) -> Table:
    table = Table(
        title=f"{count} consumers of one stream beside one alone: medians of {rounds} interleaved rounds",
        title_justify="left",
        pad_edge=False,
    )
    for name in (
        "", "alone: rides/s", f"each of {count}", "slowest - fastest", "together",
        "each, of alone (quartiles)", "latency alone", f"of {count}", "load",
    ):  # fmt: skip
        table.add_column(name, justify="right" if name else "left", no_wrap=not name)
    for name in found:
        what, _, side = name.rpartition(", ")
        if side != "alone":
            continue
        alone, beside = found[name], found[f"{what}, beside"]
        ratio, quartiles = ratio_of([one.each for one in beside], [one.each for one in alone])
        table.add_row(
            what,
            f"{median(one.each for one in alone):,.0f}",
            f"{median(one.each for one in beside):,.0f}",
            f"{median(one.slowest for one in beside):,.0f} - {median(one.fastest for one in beside):,.0f}",
            f"{median(one.together for one in beside):,.0f}",
            f"{ratio:.2f} ({quartiles[0]:.2f} - {quartiles[1]:.2f})",
            _spread([one.latency for one in alone], " s"),
            _spread([one.latency for one in beside], " s"),
            f"{median(one.load for one in (*alone, *beside)):.1f}",
        )
    return table


def _spread(values: Sequence[float], unit: str) -> str:
    return f"{median(values):.2f}{unit} ({min(values):.2f} - {max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
