"""Run a model's life: put events and labels, watch the live error, and take the steps that it calls for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from rich.console import Console

from threeways.local_run.consumer import RunningConsumer
from threeways.local_run.events import Workload
from threeways.local_run.life.declared import LifeEvents
from threeways.local_run.life.labels import Labels
from threeways.local_run.life.putting import LifeProducer
from threeways.local_run.life.reading import LabelReader, Predictions
from threeways.local_run.life.record import Record
from threeways.local_run.life.stack import promote, shadow_of
from threeways.local_run.life.steps import Failed, Steps
from threeways.local_run.result import Result
from threeways.local_run.session import result_of
from threeways.local_run.stack import RunningStack
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel
    from threeways.training.retrain.report import Report

LOOK_SECONDS = 0.25
LABEL_STREAM = "labels"
DEADLINE_SECONDS = 60.0
"""How long a label is waited for in a run, in which a day takes some seconds."""
SLOWER, TRAINING_EVENTS, WAITING = 0.2, 2_500, 5.0
"""While a challenger is trained, and while it reads the stream from its beginning as a shadow, this part of
the rate is put, for both need the pipeline's processors. After so many events of a training only so many a
second are, so that a slow machine has some left for what comes after."""
PATIENCE = 120.0
"""Seconds in which what is on its way has to come back at the end."""


@dataclass
class Session:
    """A running life. failed: the step that was not taken, and why."""

    champion: RunningStack
    life: LifeEvents
    workload: Workload
    labels: Labels
    rate: float
    console: Console
    folder: Path
    settings: Settings
    retrain: Callable[[Path, Path, float, str], Report]
    failed: str | None = None

    def __post_init__(self) -> None:
        kinesis, task = self.champion.kinesis, self.workload.task
        kinesis.create_stream(StreamName=LABEL_STREAM, ShardCount=1)
        kinesis.get_waiter("stream_exists").wait(StreamName=LABEL_STREAM)
        self.record = Record(self.life.events.ids, self.labels.join.slices)
        self.predictions = Predictions(kinesis, self.champion.output_stream, task)
        self.label_reader = LabelReader(kinesis, LABEL_STREAM)
        self.shadow: RunningConsumer | None = None
        self.shadow_predictions: Predictions | None = None
        self._up = ExitStack()
        self._key = msgspec.json.Decoder(dict[str, Any]).decode
        self.producer = LifeProducer(
            kinesis, (self.champion.input_stream, LABEL_STREAM), self.workload, self.life, self.rate,
            lambda: len(self.predictions.predictions) + int(self.champion.log.totals["Quarantined"]),
            lambda index, data: self.labels.event(self.life.events.ids[index], data),
        )  # fmt: skip
        self.steps = Steps(
            self.record, self.life.times, self.life.write, self.folder, self.retrain, self._start_shadow,
            lambda model, because: promote(self.champion.emulator, model, self.settings, because),
            partial(self.console.print, markup=False, highlight=False), getattr(task.output, "unit", ""),
        )  # fmt: skip
        self.started = time.monotonic()

    def run(self, stopping: threading.Event, show: Callable[[Session], None]) -> None:
        """Put, watch and take steps until all are taken, one is not met, or Ctrl-C."""
        for thread in (self.predictions, self.label_reader, self.producer):
            thread.start()
        try:
            while not (stopping.is_set() or self.steps.done or self.failed or self._errors()):
                self.champion.emulator.check()
                self._take()
                self.steps.advance()
                self.producer.rate = self._rate()
                show(self)
                if not self.producer.is_alive() and self._idle():
                    self.failed = f"the events were over while {self.steps.doing}; give more: N="
                stopping.wait(LOOK_SECONDS)
        except Failed as failed:
            self.failed = str(failed)
        if stopping.is_set():
            self.console.print(
                "Stopping: what is on its way is finished and counted. Ctrl-C again gives up at once."
            )
        self._finish(show)

    def _rate(self) -> float:
        """Return how many events a second are put now."""
        begun = self.steps.marks.retrain
        if self.steps.training and begun is not None and self.producer.put - begun > TRAINING_EVENTS:
            return min(self.rate, WAITING)
        return self.rate * (SLOWER if self.steps.training or self.steps.comparing else 1.0)

    def _errors(self) -> bool:
        threads = (self.producer, self.predictions, self.label_reader, self.shadow_predictions)
        return any(one is not None and one.error for one in threads)

    def _take(self) -> None:
        """Take what has come back since the last look."""
        name = self.labels.join.id
        for message in self.predictions.fresh():
            key = self._key(message.prediction)[name]
            self.record.served(key, message.version)
            for outcome in self.labels.prediction(
                key, message.version or "", bytes(message.prediction), message.source_event_id
            ):
                self.record.take(outcome, name)
        for label in self.label_reader.fresh():
            for outcome in self.labels.label(self._key(label)[name], label):
                self.record.take(outcome, name)
        for outcome in self.labels.expired():
            self.record.take(outcome, name)
        for message in self.shadow_predictions.fresh() if self.shadow_predictions else ():
            made = self._key(message.prediction)
            self.record.shadowed(made[name], made[self.workload.task.output.name])

    def _idle(self) -> bool:
        """Whether nothing more comes: all is read, and each event is decided or was not predicted."""
        return self.champion.mapping.drained() and self.record.closed >= self.producer.put

    def _start_shadow(self, model: RegisteredModel) -> None:
        consumer = shadow_of(self.champion, model, self.folder / "shadow", self.console, self.settings)
        self.shadow = self._up.enter_context(consumer)
        self.shadow.announce()
        reader = Predictions(self.champion.kinesis, self.shadow.output_stream, self.workload.task)
        self.shadow_predictions = reader
        reader.start()

    def _finish(self, show: Callable[[Session], None]) -> None:
        """Put no more, and take what is on its way."""
        self.producer.end()
        self.steps.wait()
        until = time.monotonic() + PATIENCE
        while not self.champion.mapping.drained() and time.monotonic() < until and not self._errors():
            self.champion.emulator.check()
            self._take()
            show(self)
            time.sleep(LOOK_SECONDS)
        self.positions = self.champion.mapping.stop()
        self.predictions.stop()
        self.label_reader.stop()
        if self.shadow_predictions is not None:
            self.shadow_predictions.stop()
        self._take()
        self._up.close()
        self.producer.stop()

    def result(self, *, interrupted: bool) -> Result:
        """Read back what is not on the output stream, and return all of the champion's account."""
        return result_of(
            self.champion, self.workload, self.predictions, self.producer.sent, self.positions,
            interrupted=interrupted,
        )  # fmt: skip
