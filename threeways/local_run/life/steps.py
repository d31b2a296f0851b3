"""What happens next in a model's life, because the figures say so: alarm, retrain, shadow, promote."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from threeways.errors import ThreewaysError
from threeways.lifecycle.compare import Comparison
from threeways.local_run.life import alarm
from threeways.local_run.life.alarm import DAY, Alarm
from threeways.local_run.life.record import Record
from threeways.training.times import STRAY

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel
    from threeways.training.retrain.report import Report

FRESH = 6_000
"""Labelled events since the onset, on which a challenger is trained and judged."""
JUDGED = 0.2
"""The newest part of them, that it is judged on."""
TRIES = 3
"""Retrainings that may come to nothing, each with half as many events more."""
COMPARED, AFTER = 1_500, 2_000
"""Labelled events on which the shadow is compared, and that the promoted model serves."""
LOOKS = 10
"""How often they are compared at most, each time on a third of `COMPARED` more: all looks together are at the
confidence of one comparison."""

type Retrain = Callable[[Path, Path, float, str], Report]
"""(data, holdout, days of the window, reason) -> what came of it."""


class Failed(Exception):
    """A step's condition was not met."""


@dataclass
class Marks:
    """At which event each step was taken, where it was."""

    alarm: int | None = None
    retrain: int | None = None
    shadow: int | None = None
    promote: int | None = None
    swap: int | None = None


@dataclass
class Steps:
    """The loop. `advance` takes the next step where the figures allow it.

    times: (n,) of the events. write: as `LifeEvents.write`. retrain, shadow, promote: do what they are
    called; shadow and promote get the challenger. say: is told a line. doing: the step that is waited for.
    """

    record: Record
    times: NDArray[np.datetime64]
    write: Callable[[NDArray[np.intp], Path], None]
    folder: Path
    retrain: Retrain
    shadow: Callable[[RegisteredModel], None]
    promote: Callable[[RegisteredModel, str], None]
    say: Callable[[str], None]
    unit: str = ""
    marks: Marks = field(default_factory=Marks)
    alarm: Alarm | None = None
    report: Report | None = None
    compared: Comparison | None = None
    done: bool = False

    def __post_init__(self) -> None:
        self._step = self._watch
        self._tries = 0
        self._training: _Training | None = None
        self._looked = self._looks = 0

    @property
    def doing(self) -> str:
        """What is waited for, in words."""
        return {
            "_watch": "watching the error",
            "_collect": "collecting labels",
            "_train": "retraining",
            "_compare": "comparing in shadow",
            "_swap": "waiting for the swap",
            "_serve": "judging the new model",
        }[self._step.__name__]

    @property
    def training(self) -> bool:
        """Whether a challenger is being trained."""
        return self._training is not None

    @property
    def comparing(self) -> bool:
        """Whether a challenger runs as a shadow."""
        return self._step == self._compare

    def advance(self) -> None:
        """Take the next step, if its condition is met. Raises Failed, and what the steps raise."""
        self._step()

    def wait(self) -> None:
        """Wait for a training that has begun."""
        if self._training is not None:
            self._training.join()

    def _watch(self) -> None:
        closed = self.record.closed
        if closed < self._looked + 200:
            return
        self._looked = closed
        found = alarm.look(self.record.error[:closed], self.times[:closed], self._parts(closed))
        if found is None:
            return
        self.alarm, self.marks.alarm = found, closed
        self.say(
            f"ALARM after event {closed:,} ({_minute(self.times[closed - 1])}): the error has risen, RMSE "
            f"{found.before:.2f} to {found.since:.2f}"
        )
        self._step = self._collect

    def _parts(self, closed: int) -> dict[str, list[str]]:
        return {one: names[:closed] for one, names in self.record.parts.items()}

    def _collect(self) -> None:
        closed = self.record.closed
        found = alarm.described(self.record.error[:closed], self._parts(closed))
        onset = found.onset
        rows = np.flatnonzero(np.isfinite(self.record.error[:closed]))
        fresh = int((rows >= onset).sum())
        if fresh < FRESH * 1.5**self._tries:
            return
        self.alarm = found
        self.say(
            f"SINCE event {onset:,} ({_minute(self.times[onset])}) the RMSE is {found.since:.2f}; it was "
            f"{found.before:.2f}"
        )
        for name, moved in found.parts.items():
            if moved:
                self.say(f"  moved in {name}: {', '.join(moved[:8])}{' …' * (len(moved) > 8)}")
        self._tries += 1
        cut = len(rows) - int(fresh * JUDGED)
        data, holdout = (self.folder / f"{name}-{self._tries}.parquet" for name in ("labelled", "holdout"))
        self.write(rows[:cut], data)
        self.write(rows[cut:], holdout)
        last = self.times[rows[int((1 - STRAY) * (cut - 1))]]  # as the window of a retraining ends
        days = float((last - self.times[onset]) / DAY)
        rose = f"from {found.before:.2f} to {found.since:.2f}"
        because = f"live RMSE rose {rose} at {_minute(self.times[onset])}"
        self.marks.retrain = closed
        self.say(f"RETRAIN on {cut:,} labelled events, judged on the newest {len(rows) - cut:,}")
        self._training = _Training(lambda: self.retrain(data, holdout, days, because))
        self._training.start()
        self._step = self._train

    def _train(self) -> None:
        running = self._training
        if running is None or running.is_alive():
            return
        self._training = None
        if running.error is not None:
            raise Failed(f"the retraining came to nothing: {running.error}")
        self.report = running.report
        assert self.report is not None  # noqa: S101  (without an error there is one)
        why = "; ".join(self.report.verdict.reasons)
        if not self.report.stands:
            if self._tries >= TRIES:
                raise Failed(f"no challenger stands after {self._tries} retrainings: {why}")
            self.say(f"the challenger does not stand ({why}): more labels are collected")
            self._step = self._collect
            return
        self.say(f"CHALLENGER {self.report.model.uri}: {why}")
        self.marks.shadow, self._looked = self.record.closed, 0
        self.shadow(self.report.model)
        self._step = self._compare

    def _compare(self) -> None:
        assert self.report is not None  # noqa: S101  (the step before has set it)
        assert self.marks.retrain is not None  # noqa: S101
        begin, closed = self.marks.retrain, self.record.closed
        both = np.isfinite(self.record.error[begin:closed]) & np.isfinite(self.record.shadow[begin:closed])
        if int(both.sum()) < max(COMPARED, self._looked):
            return
        names = self.report.champion.uri, self.report.model.uri
        self.compared = found = self.record.compared(begin, closed, self.times, names, self.unit, LOOKS)
        if found is None:
            return
        self._looks += 1
        self.say(f"COMPARE: {found.said()}")
        if found.verdict == "worse" or (found.verdict != "better" and self._looks == LOOKS):
            raise Failed(found.said())
        if found.verdict != "better":
            self._looked = found.labelled + COMPARED // 3
            return
        because = found.said()
        self.marks.promote = closed
        self.promote(self.report.model, because)
        self.say(f"PROMOTE: champion.json names {self.report.model.uri}")
        self._step = self._swap

    def _swap(self) -> None:
        assert self.report is not None  # noqa: S101  (a step before has set it)
        new = self.record.of_version(self.report.model.run_id)
        if not new.any():
            return
        self.marks.swap = int(np.flatnonzero(new)[0])
        self.say(f"SWAP at event {self.marks.swap:,}: the running function follows, without a restart")
        self._step = self._serve

    def _serve(self) -> None:
        assert self.report is not None  # noqa: S101  (a step before has set it)
        new = self.record.of_version(self.report.model.run_id)[: self.record.closed]
        if int((new & np.isfinite(self.record.error[: len(new)])).sum()) >= AFTER:
            self.done = True


class _Training(threading.Thread):
    """Retrains beside the stream. report, error: what came of it."""

    def __init__(self, work: Callable[[], Report]) -> None:
        super().__init__(name="retraining", daemon=True)
        self._work = work
        self.report: Report | None = None
        self.error: ThreewaysError | None = None

    def run(self) -> None:
        """Work, and keep what it comes to."""
        try:
            self.report = self._work()
        except ThreewaysError as error:
            self.error = error
        except Exception as error:  # noqa: BLE001 - raised where the run can tell of it
            self.error = ThreewaysError(repr(error))


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")
