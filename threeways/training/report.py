"""Report a training: progress lines, two tables at its end, and a file of figures."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from threeways.training.registry import RegisteredModel

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from threeways.training.examples import Examples
    from threeways.training.record import Errors


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A training's figures.

    rmse, mae, baseline_rmse: in the output's unit, on the validation set. rows_…: rows used.
    seconds: total duration. model: the registered model.
    """

    rmse: float
    mae: float
    baseline_rmse: float
    rows_train: int
    rows_validation: int
    seconds: float
    model: RegisteredModel

    @property
    def model_uri(self) -> str:
        """The model's `models:/name/version`."""
        return self.model.uri

    def figures(self) -> dict[str, object]:
        """Return them as a file has them."""
        names = [name for name in self.__slots__ if name != "model"]
        return {name: getattr(self, name) for name in (*names, "model_uri")}


@contextmanager
def step(console: Console, doing: str) -> Iterator[None]:
    """Show progress of a step, with a clock if the console is a terminal, and print its duration."""
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    began = time.monotonic()
    columns = (SpinnerColumn(), TextColumn(doing, markup=False), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        progress.add_task(doing, total=None)
        yield
    console.out(f"{doing}: {time.monotonic() - began:.1f} s", highlight=False)


def cleaning_table(training: Examples, validation: Examples) -> Table:
    """Return a table of each set's rows: read, dropped by cleaning for each reason, and used."""
    from rich.table import Table

    table = Table("rows", title="Cleaning", title_justify="left")
    sets = (training, validation)
    for heading in ("training", "validation"):
        table.add_column(heading, justify="right")
    table.add_row("read", *(f"{examples.raw:,}" for examples in sets))
    for reason in training.dropped:
        counts = [examples.dropped[reason] for examples in sets]
        if any(counts):
            table.add_row(f"dropped: {reason}", *(f"{count:,}" for count in counts))
    table.add_row("used", *(f"{len(examples.target):,}" for examples in sets), style="bold")
    return table


def metrics_table(found: dict[str, Errors], unit: str) -> Table:
    """Return a table of the model's and the baseline's errors on both sets. found: `Trained.errors`."""
    from rich.table import Table

    table = Table(unit, title="Errors", title_justify="left")
    for heading in ("this model", "linear baseline"):
        table.add_column(heading, justify="right")
    kinds = {"RMSE": "rmse", "mean absolute": "mae", "median absolute": "median"}
    for which in ("validation", "train"):
        for label, kind in kinds.items():
            pair = (getattr(found[name], kind) for name in (which, f"baseline_{which}"))
            style = "bold" if (which, kind) == ("validation", "rmse") else None
            table.add_row(f"{label}, {which}", *(f"{value:.3f}" for value in pair), style=style)
    return table
