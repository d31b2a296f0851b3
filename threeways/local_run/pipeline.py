"""The main job: a model, fetched by the function, used on events, every event accounted for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from threeways.atomic_files import write_json
from threeways.interrupts import interruptible
from threeways.local_run.broken_events import kinds_for
from threeways.local_run.console import show_ledger, show_share
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.events import Source, Workload, load, with_broken
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import TOLERATED, Ledger
from threeways.local_run.model_choice import example_rows, names_model, resolved, task_of, with_event_id
from threeways.local_run.result import ledger_of
from threeways.local_run.session import named_faults, run_session
from threeways.local_run.stack import RunningStack
from threeways.local_run.watch.publisher import Publisher
from threeways.scoring.task import Task
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel


@dataclass(frozen=True)
class Options:
    """What the user chose.

    events: files; None is the task's own producer. n: how many events, 0 is all. rate: events a second; None
    is as fast as it goes. shards: of each stream; None is the template's. poison: share broken, 0-1.
    tolerate: the share of the other events that may be given up. settings: which task, and how the model is
    served. columns: of the files, by the user's names.
    """

    events: str | None = None
    n: int = 20_000
    rate: float | None = None
    shards: int | None = None
    poison: float = 0.005
    tolerate: float = TOLERATED
    settings: Settings = field(default_factory=Settings)
    columns: ColumnNames = field(default_factory=ColumnNames)


def run(options: Options, find_model: Callable[[], RegisteredModel], console: Console, local: Path) -> Ledger:
    """Run the whole pipeline once and account for every event; writes `last-run.json` in the folder `local`.

    find_model: is called once the events are known to be usable, since it may have to train a model first.
    Raises UsageError where something cannot start. Ctrl-C ends the run early, with its ledger.
    """
    workload, model, settings = prepared(options, find_model, console)
    folder = new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        RunningStack(folder, model, options.shards, console, settings=settings) as stack,
    ):
        stack.announce()
        result = run_session(stack, workload, options.rate, stopping, console, Publisher(folder))
    ledger = msgspec.structs.replace(ledger_of(result), model_uri=model.uri)
    show_ledger(console, ledger, result)
    show_share(console, ledger, options.tolerate)
    write_run(folder, local, {result.task.name: ledger})
    return ledger


def write_run(
    folder: Path,
    local: Path,
    ledgers: Mapping[str, Ledger],
    refused: Mapping[str, str] | None = None,
    names: tuple[str, str] = ("run.json", "last-run.json"),
) -> None:
    """Write a run's ledgers, by consumer, into its folder and into `local`; the first one's on top.

    refused: the consumers that could not start, and why. names: of the file in its folder, and in `local`.
    """
    first = msgspec.to_builtins(next(iter(ledgers.values())))
    consumers = {**ledgers, **{name: {"refused": why} for name, why in (refused or {}).items()}}
    for path in (folder / names[0], local / names[1]):
        write_json(path, {**first, "consumers": consumers})


def prepared(
    options: Options, find_model: Callable[[], RegisteredModel], console: Console
) -> tuple[Workload, RegisteredModel, Settings]:
    """Return what is put on the stream, the model for it, and how that is served. Raises UsageError."""
    found = find_model() if names_model(options.settings) else None
    settings = with_event_id(options.settings, found, options.columns.id)
    task = task_of(settings, found)
    rows = example_rows(task, found.folder) if found and task.from_signature else []
    workload = workload_of(options, task, rows, console)
    model = found or find_model()
    return with_kinds(workload, model, settings), model, settings


def workload_of(
    options: Options, task: Task[Any], rows: Sequence[Mapping[str, Any]], console: Console
) -> Workload:
    """Return the events that the user asks for, some to be replaced by broken records, and say so.

    rows: of the model's input example. Raises DataError.
    """
    source = Source(options.events, options.n, options.columns, rows)
    events = load(source, task, lambda line: console.out(line, highlight=False))
    workload = with_broken(task, events, options.poison)
    broken = f"{len(workload.broken):,} of them replaced by broken records"
    said = f"Events: {len(events):,} of {events.name}, {broken}"
    if events.skipped:
        because = f" (the first: {events.skipped_because})" if events.skipped_because else ""
        said += f"; {events.skipped:,} of its rows stay out, for they are no valid event{because}"
    console.out(said)
    if options.n > len(events):
        console.print(f"There are no {options.n:,} events: all {len(events):,} are sent.")
    return workload


def with_kinds(workload: Workload, model: RegisteredModel, settings: Settings) -> Workload:
    """Return the workload with its broken records, by what the model takes."""
    kinds = kinds_for(workload.task, model.folder, resolved(settings, model))
    return replace(workload, kinds=kinds)
