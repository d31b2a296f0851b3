"""Put a system's events, watch until everything is decided, and read everything back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import msgspec
from rich.console import Console

from threeways.join.join import Key
from threeways.local_run.events import Workload
from threeways.local_run.producer import Outgoing
from threeways.local_run.progress import RunProgress, View
from threeways.local_run.read_back import ReadBack
from threeways.local_run.result import Result
from threeways.local_run.session import result_of
from threeways.local_run.system import table
from threeways.local_run.system.account import Account
from threeways.local_run.system.pacing import SHARE, Pace, PacedProducer
from threeways.local_run.system.reading import Decisions, VerdictReader
from threeways.local_run.system.running import ALLOWED, Options, Running
from threeways.local_run.watch.snapshot import put_by_hand

LOOK_SECONDS = 0.5
PATIENCE = 30.0
"""Seconds without anything done, past deadline and sweeper, after which a run is not waited for any more."""


@dataclass(frozen=True)
class SystemView:
    """One look at a run. views: the consumers'. decided: by outcome. effects: messages by kind, each once.

    failed: how often the join's `decide` or `effects` raised.
    """

    elapsed: float
    total: int
    sent: int
    views: Mapping[str, View]
    decided: Mapping[str, int]
    revisions: int
    verdicts: int
    effects: Mapping[str, int]
    quarantined: int
    failed: int = 0

    @property
    def done(self) -> int:
        """How many are decided."""
        return sum(self.decided.values())


@dataclass
class SystemResult:
    """All that was read back of a run. consumers: each one's own. failed, failure: see `RunningJoin`."""

    account: Account
    back: ReadBack
    consumers: Mapping[str, Result]
    reader: VerdictReader
    decisions: Decisions
    interrupted: bool
    seconds: float
    failed: int = 0
    failure: str = ""


@dataclass
class Session:
    """What watches a running system: its producer, and what reads its streams."""

    up: Running
    options: Options
    allowed: float = ALLOWED
    keys: dict[str, Key | None] = field(default_factory=dict)
    """Partition key -> the key that a record names."""
    places: dict[Key, str] = field(default_factory=dict)
    """The key that a sound event names -> its partition key."""
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        made, join = self.up.prepared, self.up.join
        self.decisions = Decisions(
            join.kinesis, join.decisions.name, made.system.effects, made.tasks[0].id_name
        )
        self.reader = VerdictReader(join.kinesis, join.verdicts.name, made.tasks)
        self.producer = PacedProducer(
            join.kinesis,
            join.events.name,
            self._outgoing(made.workload),
            self.options.rate,
            pace=Pace(self._joined, SHARE * made.deadline),
        )
        self._progress = {
            task.name: RunProgress(
                len(made.workload), self.producer, self.reader.by_source[task.model_name],
                self.up.consumers[task.name].mapping, self.up.consumers[task.name].log,
            )
            for task in made.tasks
        }  # fmt: skip

    def _outgoing(self, workload: Workload) -> Iterator[Outgoing]:
        """Yield the records to put, and note what keys they name."""
        for record in workload.outgoing():
            if record.index is None:
                self.keys[record.partition_key] = _key_in(record.data, workload.task.id_name)
            else:
                key = workload.events.ids[record.index]
                self.keys[record.partition_key], self.places[key] = key, record.partition_key
            yield record

    def _joined(self) -> int:
        """Return how many events the join has with the verdicts of all who judge, or has decided without."""
        join, up, sent = self.up.join, self.up, len(self.producer.sent)
        judging = [one.mapping for name, one in up.consumers.items() if name not in up.silent]
        judged = min((one.counts().records for one in judging), default=sent)
        unread = self.reader.records - join.of_stream(join.verdicts.name).counts().records
        joined = join.of_stream(join.events.name).counts().records
        complete = min(sent, judged, joined) - max(0, unread) // max(1, len(judging))
        return max(complete, len(self.decisions.decided))

    @property
    def quarantined(self) -> int:
        """How many events the join has quarantined so far, as its functions tell."""
        return int(sum(log.totals["Quarantined"] for log in self.up.join.logs.values()))

    def put_at(self, key: Key) -> float | None:
        """Return when the event of a key was put, None where that is not known."""
        sent = self.producer.by_key.get(self.places.get(key, ""))
        return None if sent is None else sent.at

    def start(self) -> None:
        """Begin to read, and then to put."""
        self.decisions.start()
        self.reader.start()
        self.producer.start()

    def view(self) -> SystemView:
        """Return the run as it stands."""
        return SystemView(
            elapsed=time.monotonic() - self.started,
            total=len(self.up.prepared.workload),
            sent=len(self.producer.sent),
            views={name: one.view() for name, one in self._progress.items()},
            decided=self.decisions.outcomes.copy(),
            revisions=self.decisions.revisions,
            verdicts=len(self.reader.verdicts),
            effects={kind: len(ids) for kind, ids in self.decisions.ids.items()},
            quarantined=self.quarantined,
            failed=self.up.join.failed,
        )

    def watch(self, stopping: threading.Event, show: Callable[[SystemView], None], console: Console) -> None:
        """Look until nothing is left to do. show: is called at each look.

        stopping: set, no more is put; what was put is waited for, as in a run that is not interrupted.
        """
        seen, since, ending = -1, time.monotonic(), False
        while not (self.producer.error or self.reader.error):
            self.up.emulator.check()
            if stopping.is_set() and not ending:
                ending = True
                self._end_putting(console)
            show(self.view())
            done = len(self.decisions.told)
            if done != seen or self.producer.is_alive():
                seen, since = done, time.monotonic()
            if not self.producer.is_alive() and (self._finished() or self._given_up(since, console)):
                return
            if ending:
                time.sleep(LOOK_SECONDS)
            else:
                stopping.wait(LOOK_SECONDS)

    def _end_putting(self, console: Console) -> None:
        """Put no more, and say what is still waited for."""
        self.producer.end()
        subject, sent = self.up.prepared.system.subject, len(self.producer.sent)
        console.print(
            f"Stopping: no more is sent, and the {sent:,} {subject}s that were are waited for until they are "
            "decided. Ctrl-C again gives up at once, without a ledger.",
            highlight=False,
        )

    def _finished(self) -> bool:
        """Whether all that was put is read, decided and told."""
        join, up = self.up.join, self.up
        return (
            all(one.mapping.drained() for name, one in up.consumers.items() if name not in up.silent)
            and all(idle() for idle in up.idle)
            and all(join.of_stream(one.name).drained() for one in (join.events, join.verdicts))
            and not table.waits(self.up.emulator.client("dynamodb"), join.table)
            and self.decisions.drained()
        )

    def _given_up(self, since: float, console: Console) -> bool:
        waits = self.up.prepared.deadline + 2 * self.options.minute + PATIENCE
        if time.monotonic() - since < waits:
            return False
        console.print(f"Nothing was decided or told for {waits:.0f} s: what is left is not waited for.")
        return True

    def end(self, stopping: threading.Event) -> SystemResult:
        """Stop everything in the order of the flow, and read everything back. stopping: set by Ctrl-C."""
        seconds = time.monotonic() - self.started
        join, consumers = self.up.join, self.up.consumers
        self.producer.end()
        positions = {name: one.mapping.stop() for name, one in consumers.items()}
        for stop in self.up.between:
            stop()
        join.stop()
        self.decisions.stop()
        self.reader.stop()
        self.producer.stop()
        back = join.read_back()
        account = self._account(back)
        interrupted = stopping.is_set()
        results = {name: self._result(name, positions[name], interrupted=interrupted) for name in consumers}
        return SystemResult(
            account,
            back,
            results,
            self.reader,
            self.decisions,
            interrupted,
            seconds,
            join.failed,
            join.failure(),
        )

    def _account(self, back: ReadBack) -> Account:
        join, made = self.up.join, self.up.prepared
        sent = self.producer.sent
        return Account(
            sent=sent,
            keys={event_id: self.keys[one.key] for event_id, one in sent.items()},
            told=self.decisions.told,
            kept=table.kept(self.up.emulator.client("dynamodb"), join.table, made.join),
            verdicts=self.reader.verdicts,
            quarantined=back.quarantined,
            abandoned=back.abandoned,
            positions=join.of_stream(join.events.name).positions(),
            verdict_positions=join.of_stream(join.verdicts.name).positions(),
            first=made.system.effects[0],
            deadline=made.deadline,
            allowed=self.allowed,
            slower=self.up.slowness.between,
            by_hand={one.event.get(made.tasks[0].id_name) for one in put_by_hand(self.up.folder)},
        )

    def _result(self, name: str, positions: Mapping[str, str | None], *, interrupted: bool) -> Result:
        """Return a consumer's own account."""
        workload = self.up.prepared.workloads[name]
        collector = self.reader.by_source[workload.task.model_name]
        return result_of(
            self.up.consumers[name],
            workload,
            collector,
            self.producer.sent,
            positions,
            interrupted=interrupted,
        )


def _key_in(data: bytes, name: str) -> Key | None:
    """Return the key that a broken record names, None where it names none."""
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None
    key = found.get(name) if isinstance(found, dict) else None
    return key if isinstance(key, int | str) and not isinstance(key, bool) else None
