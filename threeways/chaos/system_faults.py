"""What strikes a system: functions behind faulty proxies, disturbed verdicts, silence, a lost queue."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console

from threeways.chaos.befallen import RESHARDED, by_part
from threeways.chaos.function import FaultyFunction
from threeways.chaos.relay import Relay
from threeways.chaos.reshard import Resharder
from threeways.chaos.system_schedule import SystemPlan
from threeways.emulator.faults import Fault, Kind, Rates, Schedule
from threeways.emulator.function.config import FunctionConfig
from threeways.emulator.mapping import QueueSettings
from threeways.emulator.triggers import queue_url_of
from threeways.local_run.background import BackgroundThread
from threeways.local_run.consumer import MakeFunction
from threeways.local_run.system.join_stack import RunningJoin
from threeways.local_run.system.running import Places
from threeways.local_run.system.session import Session

MOST_SHARDS = 4
TIMEOUT = 30.0
"""Seconds instead of the templates' 60. A function whose process is killed has to start again within them."""
LOOK_SECONDS = 0.25
QUEUE_FROM = 0.8
"""The share of the events that is put when the queue begins to lose its messages."""


class SystemFaults:
    """Faults of a run by its plan. n: its events. seed: of all that is drawn. say: gets lines for people."""

    def __init__(self, plan: SystemPlan, seed: int, n: int, deadline: float, console: Console) -> None:
        self._plan, self._seed, self._n, self._deadline = plan, seed, n, deadline
        self._console = console
        self._functions: list[tuple[str, FaultyFunction, _Queue]] = []
        self._queues: list[_Queue] = []
        self._relay: Relay | None = None
        self._raw = ""
        self._reshards = 0

    def places(self) -> Places:
        """Return where they stand."""
        return Places(
            consumer=lambda _: self._maker("consumers", self._plan.of_consumer),
            join=lambda name: self._maker(f"the join's {name.lower()}", self._plan.of_join),
            verdicts=self._relayed,
            shard_limits=True,
        )

    def _maker(self, part: str, schedule_of: Callable[[int], Rates]) -> MakeFunction:
        def make(
            config: FunctionConfig, environment: Mapping[str, str], on_log: Callable[[str], None]
        ) -> FaultyFunction:
            schedule = _Queue(schedule_of(self._seed + len(self._functions)))
            self._queues.append(schedule)
            function = FaultyFunction(config, environment, on_log, schedule, self._console.print, TIMEOUT)
            self._functions.append((part, function, schedule))
            return function

        return make

    def _relayed(self, join: RunningJoin) -> str:
        """Make the stream that consumers put on, and what passes its records on; return its ARN."""
        self._raw = f"{join.verdicts.name}-undisturbed"
        join.kinesis.create_stream(StreamName=self._raw, ShardCount=1)
        join.kinesis.get_waiter("stream_exists").wait(
            StreamName=self._raw, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
        )
        disturbance = self._plan.of_verdicts(self._deadline)
        self._relay = Relay(join.kinesis, self._raw, join.verdicts.name, disturbance, self._seed)
        self._relay.start()
        return f"{join.verdicts.arn.rpartition('/')[0]}/{self._raw}"

    @contextmanager
    def striking(self, session: Session) -> Iterator[None]:
        """Strike for as long as the run goes on."""
        join, relay = session.up.join, self._relay
        if relay is not None:
            session.up.idle.append(relay.idle)
            session.up.between.append(relay.stop)
        count = int(self._plan["reshard"])
        resharder = Resharder(
            join.kinesis,
            (join.events.name, join.verdicts.name, join.decisions.name),
            self._seed,
            lambda: len(session.producer.sent),
            every=self._n // (count + 1) + 1,
            most=MOST_SHARDS,
        )
        striker = _Striker(self._plan, self._seed, self._n, session, self._queues, self._console)
        threads: list[BackgroundThread] = [striker, *([resharder] if count else [])]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.end()
            self._reshards = resharder.count
        for thread in threads:
            thread.stop()

    def struck(self) -> dict[str, int]:
        """Return the faults, each once, by what was struck and how."""
        found: Counter[str] = Counter()
        for part, function, queue in self._functions:
            found += by_part(part, function.proxy.counts(), queue.refused)
        relayed = self._relay.counts if self._relay else Counter()
        found += Counter({_VERDICTS[name]: count for name, count in relayed.items()})
        found[RESHARDED] += self._reshards
        return {name: count for name, count in sorted(found.items()) if count}


_VERDICTS = {
    "verdicts late": "verdicts: held until after the deadline",
    "verdicts reordered": "verdicts: held back behind others",
    "verdicts duplicated": "verdicts: repeated",
}


class _Queue:
    """A schedule, and whether the queue is down. refused: calls that met that."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self.down = False
        self.refused = 0

    def next(self, operation: str, entries: int) -> Fault | None:
        """Return this call's fault, or None."""
        if self.down and operation.startswith("SendMessage"):
            self.refused += 1
            return Fault(Kind.ERROR)
        return self._schedule.next(operation, entries)


class _Striker(BackgroundThread):
    """Silences a consumer, and takes the queue away for a while, when so much of the run is over."""

    def __init__(
        self,
        plan: SystemPlan,
        seed: int,
        n: int,
        session: Session,
        queues: Sequence[_Queue],
        console: Console,
    ) -> None:
        super().__init__()
        self._plan, self._n, self._session, self._console = plan, n, session, console
        self._queues = queues
        self._dice = random.Random(f"{seed} striker")  # noqa: S311 - a schedule, not a secret

    def work(self) -> None:
        """Look how far the run is, until it ends."""
        silent, lost = 1 - self._plan["silent"], self._plan["queue"]
        until, down = min(1.0, QUEUE_FROM + lost), False
        while not self._stopping.wait(LOOK_SECONDS):
            share = len(self._session.producer.sent) / self._n
            if silent < 1 and share >= silent and not self._session.up.silent:
                self._silence()
            if lost and not down and share >= QUEUE_FROM:
                down = True
                self._lose_queue()
            if down and share >= until:
                for one in self._queues:
                    one.down = False

    def _silence(self) -> None:
        up = self._session.up
        name = self._dice.choice(sorted(up.consumers))
        up.silent.add(name)
        mapping = up.consumers[name].mapping
        mapping.update(replace(mapping.settings, enabled=False))
        self._console.print(f"{name} says nothing from here on", highlight=False)

    def _lose_queue(self) -> None:
        """Lose all that the queue holds, and take no more."""
        up = self._session.up
        self._console.print("The queue has lost its messages, and is down: the sweeper decides")
        for one in self._queues:
            one.down = True
        for trigger in up.join.stack.triggers:
            if isinstance(trigger.settings, QueueSettings):
                url = queue_url_of(up.emulator, trigger.source)
                up.emulator.client("sqs").purge_queue(QueueUrl=url)
