"""Bring a system up on this machine: an emulator, the join's stack, and a stack for each consumer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from threeways.emulator.mapping import ReadLimits
from threeways.emulator.server import Emulator
from threeways.join.finding import find as find_join
from threeways.join.join import Join
from threeways.local_run import pipeline
from threeways.local_run.consumer import MakeFunction, RunningConsumer, in_processes
from threeways.local_run.events import Source, Workload, load
from threeways.local_run.pipeline import with_kinds, workload_of
from threeways.local_run.system.declared import System
from threeways.local_run.system.join_stack import MINUTE, RunningJoin
from threeways.local_run.system.slowness import Slowness
from threeways.scoring import tasks
from threeways.scoring.task import Task
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

ALLOWED = 5.0
"""Seconds past its deadline by which a key is decided, where a process has a processor to itself."""


@dataclass(frozen=True, kw_only=True)
class Options(pipeline.Options):
    """What the user chose.

    name: of the system, as SYSTEM has it. minute: how many seconds of the run a minute of the sweeper's
    schedule takes.
    """

    name: str
    system: System
    minute: float = MINUTE


@dataclass(frozen=True)
class Places:
    """What a fault may stand before: None of them does in a good run.

    consumer, join: give what makes a function, by its name. verdicts: gives the ARN of the stream that
    consumers put their verdicts on, of the join that reads them. shard_limits: as the emulator's.
    """

    consumer: Callable[[str], MakeFunction] = lambda _: in_processes
    join: Callable[[str], MakeFunction] = lambda _: in_processes
    verdicts: Callable[[RunningJoin], str] = lambda join: join.verdicts.arn
    shard_limits: bool = False


@dataclass(frozen=True)
class Prepared:
    """A system before it starts. workloads: each consumer's, of the same events with its own truth."""

    system: System
    join: Join[Any]
    tasks: Sequence[Task[Any]]
    workloads: Mapping[str, Workload]
    models: Mapping[str, RegisteredModel]
    settings: Mapping[str, Settings]

    @property
    def deadline(self) -> float:
        """The join's, in seconds, in this run."""
        return self.system.deadline or self.join.deadline

    @property
    def workload(self) -> Workload:
        """The first consumer's, whose events are put."""
        return self.workloads[self.tasks[0].name]


@dataclass(frozen=True)
class Running:
    """A system that runs."""

    prepared: Prepared
    join: RunningJoin
    consumers: Mapping[str, RunningConsumer]
    folder: Path
    emulator: Emulator
    slowness: Slowness
    silent: set[str] = field(default_factory=set)
    """Consumers that no longer read; nobody waits for them."""
    idle: list[Callable[[], bool]] = field(default_factory=list)
    """Whether each of what lies between the consumers and the join has nothing on its way."""
    between: list[Callable[[], None]] = field(default_factory=list)
    """Ends what lies between them."""


def prepared(
    options: Options, find_model: Callable[[Settings], RegisteredModel], console: Console
) -> Prepared:
    """Find the join, the tasks, the events and the models, which are trained where there are none.

    Raises UsageError.
    """
    system = options.system
    assert system.join is not None  # noqa: S101  (the caller asks)
    join = find_join(system.join)
    join.prove()
    found = [tasks.find(name) for name in system.consumers]
    first = workload_of(options, found[0], (), console)
    workloads = {one.name: replace(first, task=one, events=_events(one, first, options.n)) for one in found}
    settings = {
        task.name: msgspec.structs.replace(options.settings, task=name)
        for task, name in zip(found, system.consumers, strict=True)
    }
    models = {name: find_model(own) for name, own in settings.items()}
    leader = found[0].name
    kinds = with_kinds(workloads[leader], models[leader], settings[leader]).kinds
    workloads = {name: replace(one, kinds=kinds) for name, one in workloads.items()}
    return Prepared(system, join, found, workloads, models, settings)


def _events(task: Task[Any], first: Workload, count: int) -> Any:
    return first.events if task is first.task else load(Source(None, count), task, lambda _: None)


@contextmanager
def running(
    made: Prepared, options: Options, console: Console, folder: Path, places: Places | None = None
) -> Iterator[Running]:
    """Bring everything up, until the end. folder: the run's. Raises LocalError."""
    places, system = places or Places(), made.system
    limits = ReadLimits()
    console.out("Starting the emulator, and in it the join's table, queue and streams")
    with ExitStack() as up:
        slowness = up.enter_context(Slowness())
        emulator = up.enter_context(Emulator(log=folder / "emulator.log", shard_limits=places.shard_limits))
        (folder / "join").mkdir()
        join = up.enter_context(
            RunningJoin(
                folder / "join",
                console,
                emulator=emulator,
                join=system.join or "",
                name=options.name.rpartition(".")[2],
                variables=system.variables(folder, made.deadline),
                shards=options.shards,
                function_of=places.join,
                minute=options.minute,
                limits=limits,
                labels=bool(made.join.observed),
            )
        )
        verdicts = places.verdicts(join)
        consumers: dict[str, RunningConsumer] = {}
        for task in made.tasks:
            console.out(f"Starting the consumer {task.name}", highlight=False)
            own = folder / task.name
            own.mkdir()
            consumer = RunningConsumer(
                own,
                made.models[task.name],
                options.shards,
                console,
                emulator=emulator,
                settings=made.settings[task.name],
                function=places.consumer(task.name),
                name=f"{join.name}-{task.name}",
                parameters={"InputStreamArn": join.events.arn, "OutputStreamArn": verdicts},
                limits=limits,
            )
            consumers[task.name] = up.enter_context(consumer)
            consumer.announce()
        console.out("Starting the join's functions")
        join.start()
        if made.join.reviewed:
            console.out(f"Review meanwhile: {review_command(system, join)}", highlight=False)
        yield Running(made, join, consumers, folder, emulator, slowness)


def review_command(system: System, join: RunningJoin) -> str:
    """Return the command that lists what waits for a person in a run, for another terminal."""
    names = ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    leads = {name: join.emulator.environment()[name] for name in names}
    given = {
        "JOIN": system.join or "", "TABLE": join.table, "VERDICTS": join.verdicts.name,
        "REGION": join.emulator.region,
    }  # fmt: skip
    first, then = (
        " ".join(f"{name}={quote(one)}" for name, one in those.items()) for those in (leads, given)
    )
    return f"{first} make review {then}"
