"""Report a training: progress lines, two tables at its end, and a file of figures."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from threeways.training.measures import LABELS
from threeways.training.registry import RegisteredModel

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from threeways.training.examples import Examples, Measured


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A training's figures.

    measures: on the validation set, in the output's unit, as `threeways.training.measures.in_file` has them.
    rows_…: rows used. seconds: total duration. model: the registered model.
    """

    measures: Mapping[str, float]
    rows_train: int
    rows_validation: int
    seconds: float
    model: RegisteredModel

    @property
    def rmse(self) -> float:
        """The root mean square error, of a model of numbers."""
        return self.measures["rmse"]

    @property
    def baseline_rmse(self) -> float:
        """The baseline's."""
        return self.measures["baseline_rmse"]

    @property
    def model_uri(self) -> str:
        """The model's `models:/name/version`."""
        return self.model.uri

    def figures(self) -> dict[str, object]:
        """Return them as a file has them."""
        names = ("rows_train", "rows_validation", "seconds", "model_uri")
        return dict(self.measures) | {name: getattr(self, name) for name in names}


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


def cleaning_table(training: Examples[Any], validation: Examples[Any]) -> Table:
    """Return a table of each set's rows: read, dropped by cleaning for each reason, and used."""
    from rich.table import Table

    table = Table("rows", title="Cleaning", title_justify="left")
    sets = (training, validation)
    for heading in ("training", "validation"):
        table.add_column(heading, justify="right")
    table.add_row("read", *(f"{examples.raw:,}" for examples in sets))
    for reason in training.dropped:
        counts = [examples.dropped.get(reason, 0) for examples in sets]
        if any(counts):
            table.add_row(f"dropped: {reason}", *(f"{count:,}" for count in counts))
    table.add_row("used", *(f"{len(examples.target):,}" for examples in sets), style="bold")
    return table


def metrics_table(found: Mapping[str, Measured], unit: str) -> Table:
    """Return a table of the model's and the baseline's measures on both sets. found: `Trained.measured`."""
    from rich.table import Table

    table = Table(
        unit, title="Errors" if "rmse" in found["train"].values else "Measures", title_justify="left"
    )
    for heading in ("this model", "linear baseline"):
        table.add_column(heading, justify="right")
    for which in ("validation", "train"):
        model, baseline = (found[name].values for name in (which, f"baseline_{which}"))
        for place, (kind, value) in enumerate(model.items()):
            style = "bold" if which == "validation" and not place else None
            numbers = (f"{one:.0f}" if kind == "rows" else f"{one:.3f}" for one in (value, baseline[kind]))
            table.add_row(f"{LABELS.get(kind, kind)}, {which}", *numbers, style=style)
    return table
