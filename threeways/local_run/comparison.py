"""`threeways compare`: read two models' messages and what really happened, and tell how they differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from threeways.atomic_files import write_json
from threeways.aws import clients
from threeways.aws.kinesis import ShardReader, list_shards
from threeways.errors import DataError, UsageError
from threeways.lifecycle.compare import Actual, Comparison, Side, Told, compared
from threeways.local_run import event_files
from threeways.local_run.recorded import ACTUALS, PREDICTIONS
from threeways.ops.account import named_faults
from threeways.scoring.messages import event_of
from threeways.scoring.outputs import value_in
from threeways.scoring.slices import HOUR
from threeways.scoring.task import Task
from threeways.stream.aggregation import data_of

LAST = "last-compare.json"
_SHOWN = 10


@dataclass(frozen=True)
class Sources:
    """Where everything is: files of JSON lines, or streams. actuals: "" for none; of a table the columns.

    actual: with what really was. id: with the events' ids; "": as in the task's messages.
    """

    champion: str
    challenger: str
    actuals: str = ""
    actual: str = ""
    id: str = ""


def newest(local: Path) -> tuple[str, Sources]:
    """Return the task and the records of the newest run with a shadow. Raises UsageError: there is none."""
    for folder in sorted((local / "runs").glob("*"), reverse=True):
        for truth in sorted(folder.glob(f"*-{ACTUALS}")):
            task = truth.name.removesuffix(f"-{ACTUALS}")
            champion = folder / f"{task}-{PREDICTIONS}"
            others = [one for one in sorted(folder.glob(f"*-{PREDICTIONS}")) if _task_of(one) == task]
            shadows = [one for one in others if one != champion]
            if champion.exists() and shadows:
                return task, Sources(str(champion), str(shadows[0]), str(truth))
    raise UsageError(
        f"no run in {local / 'runs'} had a shadow: make run CONSUMERS='my_task "
        "shadow=models:/my-model/7', or name two outputs, CHAMPION= and CHALLENGER="
    )


def _task_of(path: Path) -> str:
    with path.open("rb") as file:
        line = file.readline()
    return str(msgspec.json.decode(line).get("task")) if line else ""


def compare(sources: Sources, task: Task[Any], console: Console, local: Path) -> Comparison:
    """Compare and tell it; write it into `local`, too. Raises UsageError: DataError, LocationError."""
    old, new = (_told(_messages(place), task, place) for place in (sources.champion, sources.challenger))
    actual = _actuals(sources, task) if sources.actuals else {}
    unit = str(getattr(task.output, "unit", ""))
    found = compared(old, new, actual, (HOUR, *task.slices), names=_names(sources), unit=unit)
    write_json(local / LAST, {**msgspec.to_builtins(found), "verdict": found.verdict, "said": found.said()})
    _tell(found, console)
    return found


def _names(sources: Sources) -> tuple[str, str]:
    old, new = (
        Path(one).name.removesuffix(f"-{PREDICTIONS}") for one in (sources.champion, sources.challenger)
    )
    return (old, new) if old != new else ("champion", "challenger")


def _messages(place: str) -> Iterator[tuple[bytes, float | None]]:
    """Yield the messages of a file or a stream, each with the Unix time at which the stream took it."""
    if Path(place).is_file():
        with Path(place).open("rb") as file:
            yield from ((line, None) for line in file if line.strip())
        return
    if Path(place).exists() or "/" in place or "." in place:
        raise DataError(f"{place} is no file; name a file of JSON lines, or a stream's name")
    with named_faults(f"the stream {place} cannot be read"):
        client = clients.client("kinesis", connect_timeout=5, read_timeout=30)
        for shard in list_shards(client, place):
            for page in ShardReader(client, shard.id, {"StreamName": place}).pages():
                for record in page:
                    at = record["ApproximateArrivalTimestamp"].timestamp()
                    yield from ((data, at) for data in data_of(record["Data"]))


def _told(messages: Iterable[tuple[bytes, float | None]], task: Task[Any], place: str) -> Iterator[Told]:
    """Yield what the messages say. Raises DataError for one that is no prediction of the task."""
    for number, (data, at) in enumerate(messages, 1):
        try:
            said = msgspec.json.decode(data, type=dict[str, Any])
            prediction = dict(said["prediction"])
            key, source = prediction[task.id_name], event_of(str(said["source_event_id"]))
            value = value_in(prediction, task.id_name)
        except (msgspec.DecodeError, RecursionError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"{place}, message {number}: it is no prediction of {task.name} ({error!r:.200}); name the "
                "output of two consumers of one task, TASK="
            ) from None
        arrived = said.get("arrived", at)
        version = said.get("version")
        yield Told(source, str(key), value, None if version is None else str(version), arrived)


def _actuals(sources: Sources, task: Task[Any]) -> dict[int | str, Actual]:
    """Return what really was, by id: of label outcomes, or of a table. Raises DataError."""
    id_name = sources.id or task.id_name
    found: dict[int | str, Actual] = {}
    revisions: dict[str, int] = {}
    for number, row in enumerate(_rows(sources.actuals), 1):
        if row.get("message") == "unmatched":
            continue
        column = sources.actual or "actual"
        lacking = id_name if row.get(id_name) is None else column
        if row.get(lacking) is None and lacking not in row:
            raise DataError(
                f"{sources.actuals}, row {number}: it has no {lacking}; name the columns of the events' ids "
                "and of what really was, ID= and ACTUAL="
            )
        key, revision = str(row[id_name]), int(row.get("revision") or 0)
        if revision < revisions.get(key, 0):
            continue
        revisions[key] = revision
        slices = {
            str(one.field): _number(row.get(one.field, row.get(f"slices.{one.field}")))
            for one in (HOUR, *task.slices)
        }
        found[key] = Actual(_number(row[column]), _time(row.get("at")), slices)
    return found


def _rows(place: str) -> Iterator[Mapping[str, Any]]:
    """Yield a table's rows, or a stream's messages as such."""
    if Path(place).is_file():
        for number, line in enumerate(event_files.lines_of(place), 1):
            if line.row is None:
                raise DataError(f"{place}, row {number}: {line.why}; mend or remove it")
            yield line.row
        return
    for data, _ in _messages(place):
        row = msgspec.json.decode(data, type=dict[str, Any])
        yield {**row, **row.get("slices", {})}


def _number(value: Any) -> Any:
    """Return a value as a number where it is one: a CSV file has them as texts."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _time(value: Any) -> float | None:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _tell(found: Comparison, console: Console) -> None:
    table = Table(title="Two models on the same events", title_justify="left")
    for heading in ("", found.champion.name, found.challenger.name):
        table.add_column(heading, justify="left" if not heading else "right")
    sides = found.champion, found.challenger
    table.add_row("version", *(_versions(one) for one in sides))
    table.add_row("answered by both", *[f"{found.both:,}"] * 2)
    table.add_row("by this one alone", *(f"{one.alone:,}" for one in sides))
    table.add_row("repeated (by another version)", *(f"{one.repeated:,} ({one.replaced:,})" for one in sides))
    if any(one.invalid for one in sides):
        table.add_row("no number", *(f"{one.invalid:,}" for one in sides))
    for measure in found.champion.errors:
        table.add_row(
            f"{measure}, {found.labelled:,} events", *(f"{one.errors[measure]:.3f}" for one in sides)
        )
    console.print(table)
    apart, later = found.apart, found.later
    differ = f"The answers differ in {apart['differ']:.1%} of the events, by {apart['mean']:.3g} {found.unit}"
    say = [f"{differ} on average; 1 % of them by more than {apart['p99']:.3g}"]
    if later is not None:
        late = f"{later['p50']:+.3f} s (p99 {later['p99']:+.3f} s)"
        say.append(f"The answers of {found.challenger.name} come later by {late}")
    if 0 < found.labelled < found.both:
        known = found.labelled / found.both
        say.append(f"The truth of {known:.1%} of them is known; what comes late may be other than this")
    for line in say:
        console.out(line, highlight=False)
    if found.parts:
        console.print(_parts(found))
    if found.difference is not None:
        one = found.difference
        console.out(
            f"{found.measure}, paired, 95 %, t over {one.clusters:,} clusters (by {one.by})", highlight=False
        )
    console.print(found.said(), style="bold", markup=False, highlight=False)


def _versions(side: Side) -> str:
    return ", ".join(
        f"{name} ({count:,})" if len(side.versions) > 1 else name for name, count in side.versions.items()
    )


def _parts(found: Comparison) -> Table:
    table = Table(title="Where they are furthest apart", title_justify="left")
    for heading in ("part", "events", "apart", "challenger's error is less by"):
        table.add_column(heading, justify="left" if heading == "part" else "right")
    worse = [one for one in found.worse_parts if one not in found.parts[:_SHOWN]]
    for one in [*found.parts[:_SHOWN], *worse]:
        gain = one.difference
        by = "" if gain is None or gain.margin is None else f"{gain.value:+.3g} ± {gain.margin:.2g}"
        table.add_row(f"{one.slice}: {one.part}", f"{one.events:,}", f"{one.apart:.3g}", by)
    return table
