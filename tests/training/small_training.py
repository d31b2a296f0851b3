"""A training on a small city: the `training` of conftest.py, which tests look at and leave as it is."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from threeways.systems.taxi.trips import city
from threeways.training.report import TrainingReport
from threeways.training.train import train


@dataclass(frozen=True)
class Training:
    report: TrainingReport
    folder: Path
    data: str
    validation: str
    said: str


def trained(base: Path) -> Training:
    """The training, in a folder under `base`."""
    folder = base / "a checkout" / ".local"
    folder.mkdir(parents=True)
    files = [str(folder.parent / f"{month}.parquet") for month in (1, 2)]
    for month, (rides, file) in enumerate(zip((4_000, 2_000), files, strict=True), 1):
        city.month(2021, month, rides).to_parquet(file)
    said = io.StringIO()
    report = train(*files, console=Console(file=said, width=110), folder=folder)
    return Training(report, folder, files[0], files[1], said.getvalue())
