"""Run a system with late labels: put its events and their labels, and account for every outcome."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from threeways.errors import LocalFailed, UsageError
from threeways.join.join import Key
from threeways.join.labels import LABEL, LabelJoin
from threeways.lifecycle.cohorts import Cohort, Version, by_version
from threeways.local_run.labelled.labels import LabelOf, LabelProducer, OutcomeReader, VersionReader
from threeways.local_run.producer import Producer
from threeways.local_run.result import Result
from threeways.local_run.session import result_of
from threeways.local_run.system import table
from threeways.local_run.system.running import Options, Running

LOOK_SECONDS = 0.2
PATIENCE = 30.0
"""Seconds beyond the deadline and two sweeps, without a new outcome, after which a run is given up."""


@dataclass(frozen=True)
class Accounts:
    """What became of predictions and labels: each once, from what really lies where.

    consumers: each one's own account. closed: the cohorts, all closed at the run's end. labelled, unmatched:
    versions' predictions with and without a label. sides: labels and events that nobody predicted.
    untold: predictions, and labels_untold: labels of predicted events, without an outcome: lost. twice: what
    was told under two ids. duplicates: messages that repeat one. quarantined: event ids, by the join.
    """

    consumers: dict[str, Result]
    closed: list[Cohort]
    labelled: int
    unmatched: int
    sides: Counter[str]
    untold: list[tuple[Key, str]]
    labels_untold: list[Key]
    twice: list[tuple[Key, str | None, int]]
    duplicates: int
    quarantined: tuple[str, ...] = ()

    @property
    def lost(self) -> int:
        """How many outcomes are lost, on both sides."""
        return len(self.untold) + len(self.labels_untold)

    @property
    def live(self) -> dict[Version, Cohort]:
        """All cohorts together, by version."""
        return by_version(self.closed)


@dataclass
class LabelledSession:
    """What watches a running system whose join is one of labels.

    label_of: see there. Started, it puts events and labels and reads outcomes until `end`; `outcomes` may be
    looked at meanwhile, and `producer` is as of any run.
    """

    up: Running
    options: Options
    label_of: LabelOf
    producer: Producer = field(init=False)
    labels: LabelProducer = field(init=False)
    reader: VersionReader = field(init=False)
    outcomes: OutcomeReader = field(init=False)

    def __post_init__(self) -> None:
        made, join = self.up.prepared, self.up.join
        if not isinstance(made.join, LabelJoin) or join.labels is None:
            raise UsageError(f"JOIN={made.join.name} is no join of labels, which `label_join` makes")
        records = made.workload.outgoing()
        self.producer = Producer(join.kinesis, join.events.name, records, self.options.rate)
        self.labels = LabelProducer(join.kinesis, join.labels.name, self.producer, self.label_of)
        self.reader = VersionReader(join.kinesis, join.verdicts.name, made.tasks)
        live = made.join.live(deadline=made.deadline)
        self.outcomes = OutcomeReader(join.kinesis, join.decisions.name, live)

    def start(self) -> None:
        """Begin to read, and then to put."""
        for one in (self.outcomes, self.reader, self.producer, self.labels):
            one.start()

    def watch(self, stopping: threading.Event | None = None, look: Callable[[], None] = lambda: None) -> None:
        """Wait until every prediction and label has its outcome. look: is called at each look.

        stopping: set, no more events are put, and what was put is waited for. Raises LocalFailed.
        """
        seen, since = -1, time.monotonic()
        patience = self.up.prepared.deadline + 2 * self.options.minute + PATIENCE
        while not self.finished():
            self.up.emulator.check()
            for one in (self.outcomes, self.reader, self.producer, self.labels):
                if one.error:
                    raise one.error
            if stopping is not None and stopping.is_set():
                self.producer.end()
            look()
            done = len(self.outcomes.told)
            if done != seen or not self.labels.done:
                seen, since = done, time.monotonic()
            if time.monotonic() - since > patience:
                raise LocalFailed(f"no outcome came for {patience:.0f} s; the run's folder has the logs")
            time.sleep(LOOK_SECONDS)

    def finished(self) -> bool:
        """Whether all that was put is read, decided and told."""
        join, consumers = self.up.join, self.up.consumers.values()
        assert join.labels is not None  # noqa: S101  (checked above)
        streams = (join.events, join.verdicts, join.labels)
        return (
            self.labels.done
            and all(one.mapping.drained() for one in consumers)
            and all(join.of_stream(one.name).drained() for one in streams)
            and not table.waits(self.up.emulator.client("dynamodb"), join.table)
        )

    def end(self) -> Accounts:
        """Stop everything in the order of the flow, and account for it."""
        self.producer.end()
        self.labels.end()
        positions = {name: one.mapping.stop() for name, one in self.up.consumers.items()}
        self.up.join.stop()
        for one in (self.producer, self.labels, self.reader, self.outcomes):
            one.stop()
        closed, told = [*self.outcomes.close()], self.outcomes.told
        kinds = Counter(kind for (_, version), kind in told.items() if version is not None)
        unlabelled = {key for key, version in self.reader.versions if told.get((key, version)) != LABEL}
        return Accounts(
            consumers={name: self._result(name, done) for name, done in positions.items()},
            closed=closed,
            labelled=kinds[LABEL],
            unmatched=kinds["prediction"],
            sides=Counter(kind for (_, version), kind in told.items() if version is None),
            untold=sorted(self.reader.versions - told.keys(), key=str),
            labels_untold=[key for key in self.labels.put if key in unlabelled],
            twice=self.outcomes.twice,
            duplicates=self.outcomes.duplicates,
            quarantined=tuple(self.up.join.read_back().quarantined),
        )

    def _result(self, name: str, positions: Any) -> Result:
        """Return a consumer's own account."""
        workload = self.up.prepared.workloads[name]
        collector = self.reader.by_source[workload.task.model_name]
        return result_of(self.up.consumers[name], workload, collector, self.producer.sent, positions)
