"""Start several consumers of one input stream: a stack each, one model each, over the same events."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from threeways.emulator.mapping import EventSourceMapping, ReadLimits
from threeways.emulator.resources import STACK
from threeways.emulator.server import Emulator
from threeways.errors import LocalError, UsageError
from threeways.local_run.consumer import MakeFunction, RunningConsumer, in_processes
from threeways.local_run.event_rows import ColumnNames
from threeways.local_run.events import Source, Workload, load
from threeways.local_run.pipeline import Options, with_kinds, workload_of
from threeways.local_run.stack import RunningStack
from threeways.scoring.events import Events
from threeways.scoring.task import Task
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

_TRIED = 100

type FunctionOf = Callable[[str], MakeFunction]
"""Gives what makes the function of a consumer, by its name."""


@dataclass(frozen=True)
class Consumer:
    """A consumer that the user names. settings: how its model is served. fan_out: it reads by itself.

    shadow: its own name, of a further consumer of a task that another one serves; "": it has its task's.
    """

    task: Task[Any]
    settings: Settings
    fan_out: bool = False
    shadow: str = ""

    @property
    def name(self) -> str:
        """Its own name, or its task's."""
        return self.shadow or self.task.name


@dataclass(frozen=True)
class Started:
    """Consumers that run, each with its workload, their models, and why others were refused; by name."""

    attached: Mapping[str, tuple[RunningConsumer, Workload]]
    models: Mapping[str, RegisteredModel]
    refused: dict[str, UsageError]

    @property
    def mappings(self) -> dict[str, EventSourceMapping]:
        """Their mappings."""
        return {name: one.mapping for name, (one, _) in self.attached.items()}

    @property
    def reasons(self) -> dict[str, str]:
        """Why the others were refused, in words."""
        return {name: str(error) for name, error in self.refused.items()}


@dataclass(frozen=True)
class Prepared:
    """Consumers before they start: their workloads and models, and why others were refused; by name."""

    consumers: Sequence[Consumer]
    workloads: Mapping[str, Workload]
    models: Mapping[str, RegisteredModel]
    refused: dict[str, UsageError]


def prepared(
    options: Options,
    consumers: Sequence[Consumer],
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
) -> Prepared:
    """Find the events, which the first one's producer makes, and the models. Raises UsageError for none."""
    return Prepared(
        consumers, _workloads(options, consumers, console), *_models(consumers, find_model, console)
    )


@contextmanager
def started(
    made: Prepared,
    options: Options,
    console: Console,
    folder: Path,
    function_of: FunctionOf = lambda _: in_processes,
    *,
    shard_limits: bool = False,
) -> Iterator[Started]:
    """Bring the consumers up, the first one with the emulator and the input stream, until the end.

    A consumer whose model is refused leaves the others running. folder: of the run. shard_limits: as the
    emulator's. Raises UsageError where none can start.
    """
    consumers, workloads, models, refused = made.consumers, made.workloads, made.models, made.refused
    running: dict[str, RunningConsumer] = {}
    starting = _Starting(options, console, folder, ReadLimits(), function_of, shard_limits)
    with ExitStack() as up:
        for number, one in enumerate(consumers):
            if one.name not in models:
                continue
            first = next(iter(running.values()), None)
            consumer = starting.consumer(one, number, models[one.name], first)
            try:
                running[one.name] = up.enter_context(consumer)
            except LocalError as error:
                _refuse(one, error, refused, console)
            else:
                consumer.announce()
        if not running:
            raise next(iter(refused.values()))
        leader = next(one for one in consumers if one.name in running)
        kinds = with_kinds(workloads[leader.name], models[leader.name], leader.settings).kinds
        attached = {name: (one, replace(workloads[name], kinds=kinds)) for name, one in running.items()}
        yield Started(attached, models, refused)


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


@dataclass(frozen=True)
class _Starting:
    options: Options
    console: Console
    folder: Path
    limits: ReadLimits
    function_of: FunctionOf
    shard_limits: bool

    def consumer(
        self, one: Consumer, number: int, model: RegisteredModel, first: RunningConsumer | None
    ) -> RunningConsumer:
        """Return a consumer to be started: the first one with the emulator and the input stream."""
        name = _plain(one.name, number)
        own = self.folder / name
        own.mkdir()
        parameters = {"EnhancedFanOut": str(one.fan_out).lower()}
        alike: dict[str, Any] = {
            "settings": one.settings, "limits": self.limits, "function": self.function_of(one.name),
        }  # fmt: skip
        if first is None:
            emulator = Emulator(log=self.folder / "emulator.log", shard_limits=self.shard_limits)
            return RunningStack(
                own,
                model,
                self.options.shards,
                self.console,
                emulator=emulator,
                parameters=parameters,
                **alike,
            )
        further = {"InputStreamArn": first.input_arn, "OutputStreamName": f"{name}_predictions"}
        return RunningConsumer(
            own,
            model,
            self.options.shards,
            self.console,
            emulator=first.emulator,
            name=f"{STACK}-{number}",
            parameters=parameters | further,
            **alike,
        )
