"""A join on this machine: the stack of `join.yaml` in an emulator, its functions and what calls them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

from rich.console import Console

from threeways import project
from threeways.aws.invocation import InvocationResult
from threeways.emulator.endpoint import Endpoint
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping import Clients, EventSourceMapping, QueueMapping, ReadLimits
from threeways.emulator.provision import provision
from threeways.emulator.schedule import ScheduleRule, ScheduleSettings
from threeways.emulator.stack import SourceMapping, Trigger
from threeways.emulator.template import load
from threeways.emulator.triggers import mapping_of
from threeways.errors import LocalError, LocalFailed
from threeways.local_run.consumer import Function, MakeFunction, in_processes
from threeways.local_run.mapping_log import MappingLog
from threeways.local_run.progress import FunctionLog
from threeways.local_run.read_back import ReadBack, read_back
from threeways.local_run.system import join_functions
from threeways.scoring import tasks

TEMPLATE = project.ROOT / "join.yaml"
MINUTE = 60.0

type Source = EventSourceMapping | QueueMapping | ScheduleRule
_FAILED = ("a key is not decided", "effects are not put", " is overdue: ")
"""What the functions' logs say where a join's own code raised."""


class RunningJoin:
    """A deployed join: streams, table, queue, its functions, and what calls them. A context manager.

    folder: its own; logs and copies go there. emulator: one that runs. join: as JOIN names it. name: the
    stack's. variables: further ones of the functions. shards: of each stream, the template's if None.
    function_of: gives what makes a function, by its logical id. minute: how many seconds of this run a
    minute of the sweeper's schedule takes. limits: of reads from the events' stream, which its consumers
    share. labels: whether it is one of labels, with a stream for them. sources: what calls the functions, by
    its place in the template.
    """

    def __init__(
        self,
        folder: Path,
        console: Console,
        *,
        emulator: Endpoint,
        join: str,
        name: str,
        variables: Mapping[str, str],
        shards: int | None = None,
        function_of: Callable[[str], MakeFunction] = lambda _: in_processes,
        minute: float = MINUTE,
        limits: ReadLimits | None = None,
        labels: bool = False,
    ) -> None:
        self._labels = labels
        self._folder, self._console, self.emulator = folder, console, emulator
        self._join, self.name, self._variables, self._shards = join, name, variables, shards
        self._function_of, self._minute, self._limits = function_of, minute, limits
        self._exit = ExitStack()
        self.functions: dict[str, Function] = {}
        self.logs: dict[str, FunctionLog] = {}
        self.sources: dict[str, Source] = {}
        self._events: dict[str, MappingLog] = {}

    def __enter__(self) -> Self:
        """Make its resources. Raises LocalError."""
        stack = load(
            TEMPLATE,
            {
                "Join": self._join,
                "Labels": "true" if self._labels else "false",
                **dict.fromkeys(("EventsStreamArn", "VerdictsStreamArn", "LabelsStreamArn"), ""),
            },
            region=self.emulator.region,
            name=self.name,
        )
        provision(stack, self.emulator, shards=self._shards)
        self.stack = stack
        self.kinesis, self.s3 = self.emulator.client("kinesis"), self.emulator.client("s3")
        self.events, self.verdicts = (stack.streams[f"{one}Stream"] for one in ("Events", "Verdicts"))
        self.decisions, self.labels = stack.streams["DecisionsStream"], stack.streams.get("LabelsStream")
        [table] = stack.tables.values()
        self.table = table.name
        return self

    def __exit__(self, *_: object) -> None:
        """Take everything down. Functions whose emulator has ended would ask it until their deadlines."""
        if self.emulator.ended():
            self.halt()
            for function in self.functions.values():
                function.__exit__(None, None, None)
        self._exit.close()

    def start(self) -> None:
        """Start the functions, and then what calls them. Raises LocalError."""
        began = time.monotonic()
        for config in self._configs().values():
            self._start(config)
        for one in self.stack.mappings:
            self._feed(one.where, self._of_stream(one))
        for trigger in self.stack.triggers:
            self._feed(trigger.where, self._of_trigger(trigger))
        names = ", ".join(name.lower() for name in self.functions)
        self._console.out(
            f"Up: the join {self._join}: table, queue, streams, {len(self.functions)} functions ({names}) in "
            f"{time.monotonic() - began:.1f} s"
        )

    @property
    def failed(self) -> int:
        """How often `decide` or `effects` has raised so far, as the functions tell."""
        return int(sum(log.totals["Failed"] for log in self.logs.values()))

    def failure(self) -> str:
        """Return where and why `decide` or `effects` raised first, by the logs; "" where neither did."""
        for log in self.logs.values():
            if log.totals["Failed"]:
                return f"{log.first(_FAILED)[:300]} ({log.path})"
        return ""

    def _configs(self) -> dict[str, FunctionConfig]:
        found = [one.function for one in self.stack.mappings]
        found += [one.function for one in self.stack.triggers]
        return {one.logical_id: one for one in found}

    def _start(self, config: FunctionConfig) -> None:
        name = config.logical_id
        log = self.logs[name] = FunctionLog(self._folder / f"{name}.log")
        self._exit.callback(log.close)
        config = replace(
            config,
            handler=f"{join_functions.__name__}.{config.handler.rpartition('.')[2]}",
            environment={**config.environment, **self._variables},
        )
        environment = self.emulator.environment() | tasks.search_path(self._join)
        function = self._exit.enter_context(self._function_of(name)(config, environment, log))
        fault = function.warm()
        if fault is not None:
            raise LocalError(
                f"the function {name} of the join does not start. {fault.type}: {fault.message}\n"
                f"Its log is {log.path}"
            )
        self.functions[name] = function

    def _feed(self, where: str, make: Callable[[MappingLog], Source]) -> None:
        """Start what calls a function."""
        log = self._events[where] = MappingLog(self._folder / "mapping.log", self._console, where)
        source = make(log)
        source.start()
        self.sources[where] = source
        self._exit.callback(self._stop, source)

    def _stop(self, source: Source) -> None:
        with suppress(LocalFailed):
            source.stop()

    def _invoke(self, name: str) -> Callable[[bytes], InvocationResult]:
        def invoke(payload: bytes) -> InvocationResult:
            self.emulator.check()
            return self.functions[name].invoke(payload)

        return invoke

    def _of_stream(self, one: SourceMapping) -> Callable[[MappingLog], Source]:
        def make(log: MappingLog) -> Source:
            return EventSourceMapping(
                self.kinesis,
                one.source.name,
                self._invoke(one.function.logical_id),
                one.settings,
                clients=Clients(self.s3, self.emulator.client("sqs"), self.emulator.client("sns")),
                function_arn=one.function.arn,
                on_event=log,
                limits=self._limits if one.source.name == self.events.name else ReadLimits(),
            )

        return make

    def _of_trigger(self, one: Trigger) -> Callable[[MappingLog], Source]:
        def make(log: MappingLog) -> Source:
            clock = self._quick_clock() if isinstance(one.settings, ScheduleSettings) else time.time
            invoke = self._invoke(one.function.logical_id)
            return mapping_of(one, self.emulator, invoke, on_event=log, clock=clock)

        return make

    def _quick_clock(self) -> Callable[[], float]:
        """Return a clock of which a minute takes as long as it is to."""
        began, speed = time.time(), MINUTE / self._minute
        return lambda: began + (time.time() - began) * speed

    def halt(self) -> None:
        """Stop all that calls the functions, without waiting."""
        for source in self.sources.values():
            source.halt()

    def stop(self) -> None:
        """Stop all that calls the functions, and finish what is in progress."""
        self.halt()
        for source in self.sources.values():
            source.stop()

    def of_stream(self, stream: str) -> EventSourceMapping:
        """Return the mapping that reads a Kinesis stream."""
        [where] = [one.where for one in self.stack.mappings if one.source.name == stream]
        found = self.sources[where]
        if not isinstance(found, EventSourceMapping):
            raise LocalError(f"{where} is no event source mapping of a stream")
        return found

    @property
    def troubles(self) -> Counter[str]:
        """What befell all that calls the functions, by kind."""
        return sum((one.troubles for one in self._events.values()), Counter())

    def read_back(self) -> ReadBack:
        """Everything in quarantine and at the failure destination, copied into the folder."""
        [location] = {one.function.environment["QUARANTINE_LOCATION"] for one in self.stack.mappings}
        [failures] = {one.settings.destination for one in self.stack.mappings}
        return read_back(self.s3, location, failures, self._folder)
