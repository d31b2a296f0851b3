"""`make retrain PROMOTE=1`: the pointer names a challenger that stands, and no other."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from follow_lab import Life
from rich.console import Console
from small_training import Training
from typer.testing import CliRunner

from threeways.cli.app import app
from threeways.cli.retrain import _promote
from threeways.errors import PromotionRefused, UsageError

pytest_plugins = ["follow_fixtures"]


def report(training: Training, *, stands: bool) -> Any:
    reasons = ("its RMSE is lower by +1.2 ± 0.3 minutes",) if stands else ("no difference is certain",)
    return SimpleNamespace(
        model=training.report.model, stands=stands, verdict=SimpleNamespace(reasons=reasons)
    )


@pytest.fixture
def checkout(training: Training, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(training.folder.parent)
    return training.folder


def test_a_challenger_that_stands_is_named_by_the_pointer_with_the_reason(
    life: Life, training: Training, checkout: Path
) -> None:
    said = io.StringIO()
    _promote(report(training, stands=True), life.place, training.validation, Console(file=said, width=200))
    pointer = life.store.read().pointer
    assert pointer is not None
    assert pointer.name == training.report.model.uri
    assert pointer.because == "its RMSE is lower by +1.2 ± 0.3 minutes"
    assert "models:/ride-duration/1" in said.getvalue()


def test_a_challenger_that_does_not_stand_is_refused_with_what_overrules_that(
    life: Life, training: Training, checkout: Path
) -> None:
    told = (
        r"is not promoted: no difference is certain.*make promote MODEL=models:/ride-duration/1 POINTER=s3://"
    )
    with pytest.raises(PromotionRefused, match=told):
        _promote(report(training, stands=False), life.place, training.validation, Console(file=io.StringIO()))
    assert life.store.read().pointer is None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--holdout", "x.parquet"], "champion.json, --pointer"),
        (["--pointer", "s3://bucket/champion.json"], "name --holdout files"),
        (["--pointer", "s3://bucket", "--holdout", "x.parquet"], "'s3://bucket' is no pointer"),
        (["--pointer", "foo"], "'foo' is no pointer"),
    ],
)
def test_a_promotion_that_cannot_be_made_is_refused_before_anything_is_trained(
    given: list[str], told: str
) -> None:
    done = CliRunner().invoke(app, ["retrain", "--promote", *given])
    assert isinstance(done.exception, UsageError)
    assert told in str(done.exception)
