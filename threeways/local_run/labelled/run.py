"""Run a system with late labels once, on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from threeways.errors import UsageError
from threeways.join.join import Key
from threeways.local_run.labelled.session import LabelledSession
from threeways.local_run.system.declared import System
from threeways.local_run.system.running import Options, Prepared, prepared, running
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel


def label_of(
    system: System, made: Prepared, pace: float, withheld: Callable[[int], bool] = lambda _: False
) -> Callable[[int], tuple[Key, Mapping[str, Any], float] | None]:
    """Return what makes an event's label, by its position. Raises UsageError where the system makes none.

    pace: so many seconds of the run are a second of the event. withheld: positions whose label never comes.
    """
    labels = system.labels
    if labels is None:
        raise UsageError("the system makes no labels: give its `System` a `labels`")
    events = made.workload.events
    truth = events.truth.tolist()

    def of(index: int) -> tuple[Key, Mapping[str, Any], float] | None:
        if withheld(index) or truth[index] != truth[index]:  # NaN is unknown
            return None
        return (
            events.ids[index],
            labels.event(events.ids[index], truth[index]),
            (labels.seconds(truth[index]) * pace),
        )

    return of


@contextmanager
def labelled(
    options: Options,
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
    folder: Path,
    pace: float,
    withheld: Callable[[int], bool] = lambda _: False,
) -> Iterator[LabelledSession]:
    """Bring a system up, and give the session that runs it; it is not started. See `label_of`."""
    made = prepared(options, find_model, console)
    of = label_of(options.system, made, pace, withheld)
    with running(made, options, console, folder) as up:
        yield LabelledSession(up, options, of)
