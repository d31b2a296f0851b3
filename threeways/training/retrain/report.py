"""Tell of a retraining: tables, a file of figures, and the tags of the model's version."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from threeways.atomic_files import write_json
from threeways.scoring.task import Task
from threeways.settings import DEFAULT_TASK
from threeways.training.examples import Examples
from threeways.training.registry import RegisteredModel
from threeways.training.retrain.candidates import Candidate, Challenger
from threeways.training.retrain.gate import Verdict
from threeways.training.times import times_of, typical

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

LAST_RETRAIN = "last-retrain.json"


@dataclass(frozen=True)
class Report:
    """A retraining. model: the new version. alias: what it got, None where it is worse. seconds: in all."""

    model: RegisteredModel
    champion: RegisteredModel
    alias: str | None
    because: str
    verdict: Verdict
    challenger: Challenger
    holdout: Examples[Any]
    seconds: float

    @property
    def stands(self) -> bool:
        """Whether it may be promoted."""
        return self.verdict.stands

    def figures(self) -> dict[str, Any]:
        """Return them as a file has them."""
        verdict, difference = self.verdict, self.verdict.difference
        return {
            "model_uri": self.model.uri,
            "run_id": self.model.run_id,
            "champion_uri": self.champion.uri,
            "alias": self.alias,
            "because": self.because,
            "stands": verdict.stands,
            "reasons": list(verdict.reasons),
            "champion": asdict(verdict.champion),
            "challenger": asdict(verdict.challenger),
            "rmse_lower_by": difference.value,
            "margin": difference.margin,
            "window": {
                "taken": self.challenger.taken.name,
                "half_life_days": self.challenger.taken.half_life,
                **_span(self.challenger.examples),
            },
            "tried": [asdict(one) for one in self.challenger.tried],
            "holdout": _span(self.holdout),
            "slices": [
                asdict(one) | {"worse": one.is_worse} for one in self.verdict.parts if np.isfinite(one.margin)
            ],
            "seconds": self.seconds,
        }


def write(report: Report, task: str, folder: Path) -> None:
    """Write `last-retrain.json`, of another task than the default `last-retrain-<task>.json`."""
    write_json(_file(task, folder), report.figures())


def tags(because: str, champion: RegisteredModel, made: Challenger, verdict: Verdict) -> dict[str, str]:
    """Return the tags of the version: why it was made, out of what, and what the holdout said."""
    first, last = typical(times_of(made.examples))
    return {
        "retrain.because": because or "asked for",
        "retrain.stands": str(verdict.stands).lower(),
        "retrain.reasons": "; ".join(verdict.reasons)[:4_000],
        "retrain.champion": champion.uri,
        "retrain.champion_rmse": f"{verdict.champion.rmse:.6f}",
        "retrain.champion_bias": f"{verdict.champion.bias:.6f}",
        "retrain.rmse": f"{verdict.challenger.rmse:.6f}",
        "retrain.window": f"{made.taken.name}: {_minute(first)} to {_minute(last)}",
    }


def say(report: Report, console: Console, folder: Path, task: Task[Any]) -> None:
    """Print the tables, and whether the challenger may be promoted."""
    console.print(_windows(report))
    console.print(_errors(report, getattr(task.output, "unit", "")))
    if parts := _parts(report):
        console.print(parts)
    took = f"learnt from {report.challenger.taken.name}"
    console.out(f"{report.model.uri}, {took}: {'; '.join(report.verdict.reasons)}", highlight=False)
    alias = f"registered as {report.alias}" if report.alias else "registered without an alias"
    told = (
        f"it may be promoted: make promote MODEL={report.model.uri}"
        if report.stands
        else "it is not promoted; look at it on the stream beside the champion (threeways compare)"
        if report.alias
        else "the champion stays"
    )
    console.out(f"{alias}; {told}; figures in {_file(task.name, folder)}", highlight=False)


def _windows(report: Report) -> Table:
    from rich.table import Table

    table = Table("what was tried", title="Windows", title_justify="left")
    for heading in ("events", "RMSE"):
        table.add_column(heading, justify="right")
    for one in report.challenger.tried:
        taken = one.name == report.challenger.taken.name
        table.add_row(one.name, f"{one.rows:,}", _inner(one), style="bold" if taken else None)
    return table


def _inner(one: Candidate) -> str:
    return "" if one.rmse is None else f"{one.rmse:.3f}"


def _errors(report: Report, unit: str) -> Table:
    from rich.table import Table

    verdict, span = report.verdict, _span(report.holdout)
    table = Table(unit, title=f"Holdout, {span['from'][:10]} on", title_justify="left")
    for heading in ("champion", "challenger"):
        table.add_column(heading, justify="right")
    for name, what in (("rmse", "RMSE"), ("mae", "mean absolute"), ("bias", "bias")):
        both = (getattr(one, name) for one in (verdict.champion, verdict.challenger))
        table.add_row(what, *(f"{one:+.3f}" if name == "bias" else f"{one:.3f}" for one in both))
    table.add_row("events", "", f"{len(report.holdout.target):,}")
    return table


def _parts(report: Report) -> Table | None:
    """Return the parts of slices that differ most, both ways."""
    from rich.table import Table

    found = sorted(report.verdict.parts, key=lambda one: one.difference)
    shown = [*found[:3], *(one for one in found[-5:] if one not in found[:3])]
    if not shown:
        return None
    table = Table("slice", title="Where they differ most, RMSE", title_justify="left")
    for heading in ("events", "champion", "challenger", "lower by"):
        table.add_column(heading, justify="right")
    for one in reversed(shown):
        table.add_row(
            f"{one.slice} {one.part}",
            f"{one.rows:,}",
            f"{one.champion_rmse:.2f}",
            f"{one.challenger_rmse:.2f}",
            f"{one.difference:+.2f} ± {one.margin:.2f}",
            style="red" if one.is_worse else None,
        )
    return table


def _span(examples: Examples[Any]) -> dict[str, Any]:
    first, last = typical(times_of(examples))
    return {
        "name": examples.name,
        "rows": len(examples.target),
        "from": _minute(first),
        "to": _minute(last),
    }


def _minute(time: np.datetime64) -> str:
    return str(time.astype("datetime64[m]")).replace("T", " ")


def _file(task: str, folder: Path) -> Path:
    return folder / (LAST_RETRAIN if task == DEFAULT_TASK else f"last-retrain-{task}.json")
