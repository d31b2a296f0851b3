"""A small AWS to run the shipped code in: single-threaded, with a clock that it moves itself.

Ours, and real: the handler, its delivery, quarantine and scoring; the mapping's lane with all it decides, its
progress, buffer and failure destination. Simulated: the network, the stores behind it, threads and time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import faults as f
import msgspec
from faults import Fault, Schedule, Strikes
from inputs import Input, alone
from simulated import Beside, Clock, Costly, Filled, Killed, Pace, threads_run_at_once
from stores import DestinationBucket, Network, OutputStream, QuarantineBucket
from watcher import Violation, Watcher

from threeways.aws.calls import Backoff
from threeways.aws.invocation import EXITED, THROTTLED, TIMED_OUT, FunctionError, InvocationResult
from threeways.emulator.mapping.counts import MappingReporter
from threeways.emulator.mapping.destination import Clients, Destination
from threeways.emulator.mapping.lane import Lane, Work
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.records import Origin
from threeways.emulator.mapping.settings import MappingSettings
from threeways.emulator.stack import Stack
from threeways.emulator.template import load
from threeways.errors import ArtifactUnreachable, DeadlineNear
from threeways.scoring.service import ModelService
from threeways.stream.aggregated_delivery import AggregatedDelivery
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import S3Quarantine
from threeways.systems.taxi.duration import task

STEPS = 40
"""More than any schedule of a few faults needs, beside a few for each record, until all is drained."""
SHARDS = ("shard-0",)
REPLAY = "pytest tests/torture -k pair_of_faults --torture-replay"


@cache
def template() -> Stack:
    """The deployed settings."""
    return load(Path(__file__).parents[2] / "template.yaml")


class Starving:
    """A model that predicts the trip distance doubled; an invocation may lack memory for some rows."""

    input_kind = "block"

    def __init__(self, network: Network) -> None:
        self._network = network
        self._asked = False
        self._starved: set[float] = set()

    def begin(self) -> None:
        """An invocation begins."""
        self._asked = False
        self._starved.clear()

    def predict(self, features: Any) -> Any:
        distances = features[:, 3]
        if not self._asked:
            self._asked = True
            fault = self._network.strike(Strikes.PREDICT, len(distances))
            rows = f.positions(fault, f.STARVED)
            self._starved.update(float(distances[row]) for row in rows if row < len(distances))
        if self._starved and self._starved.intersection(distances.tolist()):
            raise MemoryError
        return distances * 2


class _Iterators:
    """What a `Shard` asks the input stream for."""

    def get_shard_iterator(self, **_: object) -> dict[str, str]:
        return {"ShardIterator": ""}


class World:
    """One mapping with one function. settings: the template's, if not given.

    aggregates: predictions are put as AGGREGATE_PREDICTIONS has them. timeout: the function's, in seconds.
    costs: a `Costly` model's seconds, and what it raises.
    real_threads: leave the threads of the code under test as they are. invocations: how many there were.
    """

    def __init__(
        self,
        faults: Mapping[tuple[Strikes, int], Fault],
        *,
        settings: MappingSettings | None = None,
        shards: Sequence[str] = SHARDS,
        quarantine_first: bool = True,
        real_threads: bool = False,
        timeout: float | None = None,
        costs: tuple[float, float, type[Exception]] | None = None,
        aggregates: bool = False,
    ) -> None:
        settings = settings or template().mapping
        self.clock = Clock(timeout or template().function.timeout)
        self.invocations = 0
        self.watcher = Watcher()
        self.network = Network(faults, self.clock)
        self._beside = None if real_threads else Beside(at_once=quarantine_first)
        self._handler: StreamHandler | None = None
        self.model = Costly(self.clock, *costs) if costs else Starving(self.network)
        self._may_raise = DeadlineNear if costs else ()
        self._aggregates = aggregates
        self._pace = Pace(self.clock, self.check)
        bucket: Any = DestinationBucket(self.network, self.watcher)
        destination = Destination("failures", Clients(bucket), "mapping", "function")
        work = Work(
            settings,
            self._invoke,
            destination,
            MappingReporter(None),
            self.clock,
            lambda failures: 1.0,
            self._pace,
        )
        iterators: Any = _Iterators()
        factor = settings.parallelization_factor
        self._shards = {name: Shard(iterators, "rides", name, "TRIM_HORIZON") for name in shards}
        self._buffers = {name: Filled(settings.batch_size, factor, self.clock) for name in shards}
        self.lanes = [
            Lane(self._shards[name], Origin(name, "", "", ""), self._buffers[name], work, number)
            for name in shards
            for number in range(factor)
        ]

    def put(self, shard: str, inputs: Sequence[Input]) -> None:
        """These come onto a shard, and are read at once."""
        records = [given.record for given in inputs]
        self.watcher.put(shard, inputs)
        self._shards[shard].progress.read(record.sequence_number for record in records)
        self._buffers[shard].put(records)

    def step(self, lane: int, steps: int = 1) -> None:
        """Let a lane go at most so many steps. Raises Violation."""
        self._pace.steps = steps
        self.lanes[lane].run()

    def check(self) -> None:
        """Raises Violation where something does not hold."""
        self.watcher.check((name, shard.checkpoint) for name, shard in self._shards.items())

    def drain(self, steps: int = STEPS) -> None:
        """Let everything come to its end, and judge it. Raises Violation."""
        for lane in range(len(self.lanes)):
            self.step(lane, steps + 4 * len(self.watcher))
        self.network.settle()
        self.check()
        self.watcher.check_all()

    def _invoke(self, payload: bytes) -> InvocationResult:
        """The Lambda service, for one function with one execution environment at a time."""
        self.clock.begin()
        self.invocations += 1
        self.watcher.begins()
        refused = self.network.strike(Strikes.START)
        if refused == f.THROTTLED:
            return _failed(THROTTLED)
        if refused == f.CANNOT_START:
            self._handler = None
            return _failed(ArtifactUnreachable.__name__)
        if self._handler is None:
            self._handler = self._start()
        try:
            answer = self._answer(self._handler, payload)
        except Killed:
            self._handler = None
            return _failed(EXITED)
        ended = self.network.strike(Strikes.END)
        if ended or self.clock.timed_out:
            self._handler = None
            return _failed(EXITED if ended == f.KILLED_AFTER else TIMED_OUT)
        return InvocationResult(payload=msgspec.json.encode(answer), request_id="request")

    def _start(self) -> StreamHandler:
        """The function, as `model.build` puts it together."""
        kinesis: Any = OutputStream(self.network, self.watcher, aggregates=self._aggregates)
        s3: Any = QuarantineBucket(self.network, self.watcher)
        model: Any = self.model
        backoff = Backoff(sleep=self.clock.sleep, random=lambda: 0.5)
        service = ModelService(model, task, "run-1", clock=self.clock)
        if isinstance(model, Costly):
            service.prove()
            self.clock.begin()  # Lambda's initialization has a time of its own
        delivery = StreamDelivery(kinesis, "predictions", backoff, clock=self.clock)
        handler: Any = StreamHandler(
            service,
            AggregatedDelivery(delivery) if self._aggregates else delivery,
            S3Quarantine(s3, "s3://bucket/quarantine", backoff),
            clock=self.clock,
        )
        if self._beside is not None:
            handler._beside = self._beside
        started: StreamHandler = handler
        return started

    def _answer(self, handler: StreamHandler, payload: bytes) -> object:
        event = msgspec.json.decode(payload)
        self.model.begin()
        try:
            answer = handler(event, self.clock)
        except self._may_raise:
            raise
        except Exception as error:  # no fault here may make the handler raise anything
            self.watcher.violations.append(f"the handler raises {error!r}")
            raise
        self.watcher.answered([record["eventID"] for record in event["Records"]], answer)
        return answer


def _failed(kind: str) -> InvocationResult:
    return InvocationResult(error=FunctionError(kind, "as scheduled"), request_id="request")


def run(schedule: Schedule, *, real_threads: bool = False, aggregates: bool = False) -> World:
    """Run a schedule to its end, within `threads_run_at_once` or with real threads.

    Raises Violation, for what the code under test raises too.
    """
    world = World(
        schedule.faults,
        quarantine_first=schedule.quarantine_first,
        real_threads=real_threads,
        aggregates=aggregates,
    )
    try:
        world.put(SHARDS[0], alone(schedule.batch, SHARDS[0]))
        world.drain()
    except Exception as error:  # whatever it is, the schedule must be told
        what = str(error) if isinstance(error, Violation) else repr(error)
        told = Violation(f"{what}\nreplay with: {REPLAY} '{schedule}'")
        told.schedule = str(schedule)
        raise told from error
    return world


def replay(text: str) -> World:
    """Run the schedule that a Violation names."""
    with threads_run_at_once():
        return run(Schedule.parse(text))
