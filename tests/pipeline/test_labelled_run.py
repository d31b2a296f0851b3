"""Rides, predictions and late labels on one machine: live error is the ledger's, and no outcome is lost."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from small_training import Training

from threeways.errors import UsageError
from threeways.local_run.labelled.run import label_of, run_labelled
from threeways.local_run.result import ledger_of
from threeways.local_run.system.running import Options
from threeways.systems.taxi.labelled import system

pytestmark = pytest.mark.exhaustive


def test_live_error_is_the_ledgers_and_each_prediction_has_one_outcome(
    training: Training, tmp_path: Path
) -> None:
    assert system.labels
    labels = replace(system.labels, seconds=lambda minutes: 60 * min(minutes, 60))  # a few take a day
    made = replace(system, deadline=12.0, labels=labels)
    options = Options(name="threeways.systems.taxi.labelled", system=made, n=300, poison=0.1, minute=3.0)
    accounts = run_labelled(
        options,
        lambda _: training.report.model,
        Console(file=io.StringIO()),
        tmp_path,
        pace=0.1 / 60,
        withheld=lambda index: index % 10 == 3,
    )
    [result] = accounts.consumers.values()
    ledger = ledger_of(result)
    assert (ledger.sent, ledger.lost, accounts.lost, accounts.twice) == (300, 0, 0, [])
    assert accounts.labelled + accounts.unmatched == ledger.predicted
    assert accounts.unmatched >= 20
    [live] = accounts.live.values()
    withheld = [one for one in result.pairs if one[0] % 10 == 3]
    assert accounts.labelled == live.labelled
    assert len(withheld) + live.whole.n == len(result.pairs)
    pairs = [one for one in result.pairs if one[0] % 10 != 3]
    error = math.sqrt(math.fsum((value - true) ** 2 for _, value, true in pairs) / len(pairs))
    assert live.figures.rmse == pytest.approx(error, abs=1e-12)
    assert live.figures.bias == pytest.approx(
        math.fsum(value - true for _, value, true in pairs) / len(pairs), abs=1e-12
    )
    assert live.completeness == pytest.approx(accounts.labelled / ledger.predicted)
    assert live.version == ledger.model_version


def test_a_system_without_labels_is_refused() -> None:
    with pytest.raises(UsageError, match="give its `System` a `labels`"):
        label_of(replace(system, labels=None), None, 1.0)  # type: ignore[arg-type]
