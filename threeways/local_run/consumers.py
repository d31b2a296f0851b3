"""Several consumers of one input stream: a stack each, one model each, over the same events."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from rich.console import Console

from threeways.emulator.mapping import ReadLimits
from threeways.emulator.resources import MOST_CONSUMERS, STACK
from threeways.emulator.server import Emulator
from threeways.errors import LocalError, UsageError
from threeways.interrupts import interruptible
from threeways.local_run.consumer import RunningConsumer
from threeways.local_run.consumers_console import consumers_screen, show_consumers
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.events import Source, Workload, load
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import Ledger
from threeways.local_run.pauses import Pause, pausing
from threeways.local_run.pipeline import Options, with_kinds, workload_of, write_run
from threeways.local_run.result import ledger_of
from threeways.local_run.session import named_faults, run_sessions
from threeways.local_run.stack import RunningStack
from threeways.local_run.watch.publisher import Publisher
from threeways.scoring import tasks
from threeways.scoring.events import Events
from threeways.scoring.task import Task
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

_OF_ONE = ("model_location", "model_bucket", "model_sha256", "run_id", "model_name", "event_id")
"""Settings that name one model, or what its signature's task is called."""
_TRIED = 100


@dataclass(frozen=True)
class Consumer:
    """A consumer that the user names. settings: how its model is served. fan_out: it reads by itself."""

    task: Task[Any]
    settings: Settings
    fan_out: bool = False

    @property
    def name(self) -> str:
        """Its task's name."""
        return self.task.name


def named(text: str, settings: Settings, fan_out: str | None = None) -> list[Consumer]:
    """Return the consumers of CONSUMERS, tasks with spaces or commas between them.

    fan_out: those with enhanced fan-out, likewise. Raises UsageError for a task that there is not, one that
    is named twice, settings that name one model for several, and what `fan_out` can't be.
    """
    if settings.task and _words(text):
        raise UsageError("TASK= and CONSUMERS= both name tasks: give one of them")
    found = []
    for word in _words(text):
        try:
            found.append(Consumer(tasks.find(word), msgspec.structs.replace(settings, task=word)))
        except UsageError as error:
            raise UsageError(f"CONSUMERS={text!r}: {error}") from None
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"CONSUMERS={text!r} names {twice} twice: a consumer's name is its task's; name each task once"
        )
    given = [name.upper() for name in _OF_ONE if getattr(settings, name) is not None]
    if given and len(found) > 1:
        raise UsageError(
            f"{', '.join(given)} is of one model, and CONSUMERS={text!r} of {len(found)}: each serves its "
            f"task's registered model. Unset {', '.join(given)}, or name one consumer"
        )
    return _fanned_out(found, fan_out or "")


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[\s,]+", text) if word]


def _fanned_out(consumers: list[Consumer], fan_out: str) -> list[Consumer]:
    chosen = _words(fan_out)
    unknown = set(chosen) - {one.name for one in consumers}
    if unknown:
        raise UsageError(
            f"FAN_OUT={fan_out!r} names {', '.join(sorted(unknown))}, which is not among CONSUMERS: "
            f"{', '.join(one.name for one in consumers) or 'that names none'}"
        )
    if len(set(chosen)) > MOST_CONSUMERS:
        raise UsageError(
            f"FAN_OUT names {len(set(chosen))} consumers; a stream has {MOST_CONSUMERS} with enhanced "
            "fan-out at most: let others poll"
        )
    return [replace(one, fan_out=one.name in chosen) for one in consumers]


def run(
    options: Options,
    consumers: Sequence[Consumer],
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
    local: Path,
    pauses: Sequence[Pause] = (),
) -> tuple[dict[str, Ledger], dict[str, UsageError]]:
    """Run several consumers on one input stream; return their ledgers, and why others were refused, by name.

    The first one's producer makes the events. A consumer whose model is refused leaves the others running.
    pauses: when which of them is paused. Writes `last-run.json` in the folder `local`. Raises UsageError
    where none can start.
    """
    workloads = _workloads(options, consumers, console)
    models, refused = _models(consumers, find_model, console)
    folder = new_folder(local / "runs")
    running: dict[str, RunningConsumer] = {}
    limits = ReadLimits()
    with named_faults(folder), interruptible() as stopping, ExitStack() as up:
        for one in (one for one in consumers if one.name in models):
            first = next(iter(running.values()), None)
            made = _consumer(
                one, consumers.index(one), models[one.name], first, limits, options, console, folder
            )
            try:
                running[one.name] = up.enter_context(made)
            except LocalError as error:
                _refuse(one, error, refused, console)
            else:
                made.announce()
        if not running:
            raise next(iter(refused.values()))
        leader = next(one for one in consumers if one.name in running)
        kinds = with_kinds(workloads[leader.name], models[leader.name], leader.settings).kinds
        attached = {name: (one, replace(workloads[name], kinds=kinds)) for name, one in running.items()}
        mappings = {name: one.mapping for name, one in running.items()}
        say = partial(console.print, markup=False, highlight=False)
        with consumers_screen(console) as show, pausing(mappings, pauses, say):
            told = Publisher(folder, {name: str(error) for name, error in refused.items()})
            results = run_sessions(attached, options.rate, stopping, console, show, told)
    ledgers = {
        name: msgspec.structs.replace(ledger_of(result), model_uri=models[name].uri)
        for name, result in results.items()
    }
    show_consumers(console, ledgers, results, refused, options.tolerate)
    write_run(folder, local, ledgers, {name: str(error) for name, error in refused.items()})
    return ledgers, refused


def _workloads(options: Options, consumers: Sequence[Consumer], console: Console) -> dict[str, Workload]:
    """Return each consumer's workload: the same events and the same broken ones, with its own truth."""
    first = workload_of(options, consumers[0].task, (), console)
    return {
        one.name: replace(first, task=one.task, events=_events(one.task, first, options)) for one in consumers
    }


def _events(task: Task[Any], first: Workload, options: Options) -> Events:
    """Return the first consumer's events, with another task's truth where its own producer knows it.

    Raises UsageError where the task takes none of them.
    """
    sent = list(islice(first.events.payloads(), _TRIED))
    if task is first.task:
        return first.events
    taken, faults = task.decode_all(sent)
    if not taken:
        raise UsageError(
            f"the consumer {task.name} takes none of the events that are sent, those of {first.task.name} "
            f"({next(iter(faults.values()), 'there are none')}): name tasks of the same events, or give "
            "those that each takes as EVENTS="
        )
    if options.events is not None or task.producer is not None:
        columns = ColumnNames(None, options.columns.id)  # ACTUAL is what the first one's output really was
        own = load(Source(options.events, options.n, columns), task, lambda _: None)
        if list(own.ids) == list(first.events.ids) and list(islice(own.payloads(), _TRIED)) == sent:
            return own
    unknown = np.full(len(first.events), np.nan)
    return replace(first.events, truth=unknown, counted=np.ones(len(unknown), dtype=np.bool_))


def _models(
    consumers: Sequence[Consumer], find_model: Callable[[Settings], RegisteredModel], console: Console
) -> tuple[dict[str, RegisteredModel], dict[str, UsageError]]:
    models: dict[str, RegisteredModel] = {}
    refused: dict[str, UsageError] = {}
    for one in consumers:
        try:
            models[one.name] = find_model(one.settings)
        except UsageError as error:
            _refuse(one, error, refused, console)
    if not models:
        raise next(iter(refused.values()))
    return models, refused


def _refuse(one: Consumer, error: UsageError, refused: dict[str, UsageError], console: Console) -> None:
    refused[one.name] = error
    console.print(f"The consumer {one.name} cannot start, the others can: {error}", markup=False)


def _plain(name: str, number: int) -> str:
    """Return a consumer's name as a part of folders' and streams' names, no two the same."""
    plain = re.sub(r"[^a-zA-Z0-9_-]", "-", name)[:60]
    return plain if plain == name else f"{plain}-{number}"


def _consumer(
    one: Consumer,
    number: int,
    model: RegisteredModel,
    first: RunningConsumer | None,
    limits: ReadLimits,
    options: Options,
    console: Console,
    folder: Path,
) -> RunningConsumer:
    """Return a consumer to be started: the first one with the emulator and the input stream."""
    name = _plain(one.name, number)
    own = folder / name
    own.mkdir()
    parameters = {"EnhancedFanOut": str(one.fan_out).lower()}
    if first is None:
        return RunningStack(
            own,
            model,
            options.shards,
            console,
            settings=one.settings,
            emulator=Emulator(log=folder / "emulator.log"),
            parameters=parameters,
            limits=limits,
        )
    further = {"InputStreamArn": first.input_arn, "OutputStreamName": f"{name}_predictions"}
    return RunningConsumer(
        own,
        model,
        options.shards,
        console,
        emulator=first.emulator,
        settings=one.settings,
        name=f"{STACK}-{number}",
        parameters=parameters | further,
        limits=limits,
    )
