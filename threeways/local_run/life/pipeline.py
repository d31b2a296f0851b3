"""`make run LIFE=1`: the whole loop of a model's life, on one machine."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from rich.console import Console

from threeways.atomic_files import write_json
from threeways.interrupts import interruptible
from threeways.local_run.console import show_ledger
from threeways.local_run.events import Workload
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import Ledger
from threeways.local_run.life.declared import LifeEvents, life_of
from threeways.local_run.life.labels import Labels
from threeways.local_run.life.picture import draw
from threeways.local_run.life.record import rmse
from threeways.local_run.life.session import DEADLINE_SECONDS, Session
from threeways.local_run.life.stack import champion_of
from threeways.local_run.model_choice import names_model, task_of
from threeways.local_run.pipeline import write_run
from threeways.local_run.progress import at_most_every
from threeways.local_run.result import ledger_of
from threeways.local_run.session import named_faults
from threeways.settings import Settings
from threeways.training.retrain.command import Options as RetrainOptions
from threeways.training.retrain.command import retrain

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel
    from threeways.training.retrain.report import Report

COUNT, RATE = 30_000, 400.0
"""Events where N does not say how many, and how many a second at most."""
LEAST = 20_000
"""A life of fewer events has too few labels after the change to retrain on."""
LAST_LIFE, PICTURE = "last-life.json", "last-life.png"
_PLAIN_SECONDS = 5.0


def run_life(
    settings: Settings,
    count: int,
    rate: float,
    find_model: Callable[[], RegisteredModel],
    console: Console,
    local: Path,
) -> tuple[Ledger, str | None]:
    """Run a model's life once; return its ledger, and which step was not taken; None: all were.

    Writes `last-life.json`, `last-life.png` and `last-run.json` in the folder `local`. Raises UsageError
    where something cannot start. Ctrl-C ends it early, with its ledger.
    """
    named = find_model() if names_model(settings) else None
    task = task_of(settings, named)
    module = life_of(task)
    life = module.load(count)
    labels = Labels(module.JOIN, DEADLINE_SECONDS)
    console.print(f"Events: {len(life.events):,} of {life.events.name}", markup=False, highlight=False)
    model = named or find_model()
    folder = new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        champion_of(folder, model, console, settings) as champion,
    ):
        champion.announce()
        console.out(f"champion.json names {model.uri}, and the function follows it", highlight=False)
        session = Session(
            champion, life, Workload(task, life.events, frozenset()), labels, rate, console, folder, settings,
            partial(_retrained, task.name, model, settings, local, folder),
        )  # fmt: skip
        with _progress(console) as show:
            session.run(stopping, show)
        result = session.result(interrupted=stopping.is_set())
    ledger = msgspec.structs.replace(ledger_of(result), model_uri=model.uri)
    show_ledger(console, ledger, result)
    write_run(folder, local, {task.name: ledger})
    figures = figures_of(session, ledger)
    for path in (folder / "life.json", local / LAST_LIFE):
        write_json(path, figures)
    _draw(session, life, folder, local)
    _say(console, figures, local, session.failed)
    return ledger, session.failed


def _retrained(
    task: str,
    champion: RegisteredModel,
    settings: Settings,
    local: Path,
    folder: Path,
    data: Path,
    holdout: Path,
    days: float,
    why: str,
) -> Report:
    """Retrain, with what it says in a log of the run."""
    options = RetrainOptions(str(data), str(holdout), days, days, why, settings)
    with (folder / "retrain.log").open("a", encoding="utf-8") as log:
        return retrain(task, options, console=Console(file=log, width=80), folder=local, champion=champion)


def figures_of(session: Session, ledger: Ledger) -> dict[str, Any]:
    """Return a life's figures, as its file has them."""
    record, life = session.record, session.life
    swaps, refused = session.champion.followed or (0, 0)
    closed = record.closed
    error, after = record.error[:closed], life.times[:closed] >= life.changes
    report, marks = session.steps.report, session.steps.marks
    promoted = record.of_version(report.model.run_id if report else None)[:closed]
    alarm, inside = session.steps.alarm, record.inside[:closed]
    known = np.isfinite(inside)
    parts = {} if alarm is None else {name: list(moved) for name, moved in alarm.parts.items()}
    fields = [one.field for one in session.workload.task.slices]
    return {
        "lost": ledger.lost,
        "versions": record.versions,
        "unknown_version": ledger.predicted - sum(record.versions.values()),
        "swaps": swaps,
        "refused": refused,
        "rmse_before_change": rmse(error[~after]),
        "rmse_after_change": rmse(error[after & ~promoted]),
        "rmse_after_promote": rmse(error[promoted]),
        "coverage": float(inside[known].mean()) if known.any() else None,
        "drifted": parts.get(fields[0], []) if fields else [],
        "drifted_by": parts,
        "alarm_after": None
        if marks.alarm is None
        else int(marks.alarm - np.searchsorted(life.times, life.changes)),
        "champion": ledger.model_uri,
        "challenger": report.model.uri if report else None,
        "verdict": session.steps.compared.said() if session.steps.compared else None,
        "failed": session.failed,
        "seconds": round(time.monotonic() - session.started, 1),
    }


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[Session], None]]:
    """Give what shows a line every few seconds."""

    def show(session: Session) -> None:
        closed = session.record.closed
        recent = rmse(session.record.error[max(0, closed - 1_000) : closed])
        at = session.life.times[max(0, session.producer.put - 1)].astype("datetime64[h]")
        console.out(
            f"{time.monotonic() - session.started:5.0f} s  {str(at)[5:].replace('T', ' ')}h"
            f"  put {session.producer.put:,}  closed {closed:,}"
            f"  RMSE {'-' if recent is None else f'{recent:.2f}'}  {session.steps.doing}"[:80],
            highlight=False,
        )

    yield at_most_every(_PLAIN_SECONDS, show)


def _draw(session: Session, life: LifeEvents, folder: Path, local: Path) -> None:
    unit = getattr(session.workload.task.output, "unit", "")
    draw(session.record, life.times, life.changes, life.what, session.steps.marks, unit, folder / "life.png")
    shutil.copyfile(folder / "life.png", local / PICTURE)


def _say(console: Console, figures: dict[str, Any], local: Path, failed: str | None) -> None:
    from rich.table import Table

    table = Table("A model's life", "", title_justify="left")
    for name, what in (
        ("rmse_before_change", "RMSE before the change"),
        ("rmse_after_change", "after it, the champion's"),
        ("rmse_after_promote", "after promotion"),
        ("coverage", "intervals that held, of all"),
    ):
        value = figures[name]
        table.add_row(
            what, "-" if value is None else f"{value:.1%}" if name == "coverage" else f"{value:.2f}"
        )
    for version, count in figures["versions"].items():
        table.add_row(f"served by {str(version)[:12]}", f"{count:,}")
    table.add_row("swaps, refused", f"{figures['swaps']}, {figures['refused']}")
    console.print(table)
    console.out(f"picture: {local / PICTURE}; figures: {local / LAST_LIFE}", highlight=False)
    if failed:
        console.print(f"[bold red]the loop was not closed[/]: {failed}", highlight=False, soft_wrap=True)
