"""Rides, predictions and late labels on one machine: live error is the ledger's, and no outcome is lost."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console
from small_training import Training

from threeways.errors import UsageError
from threeways.lifecycle.cohorts import Figures
from threeways.local_run.labelled.pipeline import LabelLedger, run_labels
from threeways.local_run.labelled.run import label_of, labelled
from threeways.local_run.ledger import Ledger
from threeways.local_run.result import ledger_of
from threeways.local_run.system.pipeline import prepared_for
from threeways.local_run.system.running import Options
from threeways.settings import Settings
from threeways.systems.taxi.labelled import system
from threeways.training.registry import RegisteredModel


@pytest.mark.exhaustive
def test_live_error_is_the_ledgers_and_each_prediction_has_one_outcome(
    training: Training, tmp_path: Path
) -> None:
    assert system.labels
    labels = replace(system.labels, seconds=lambda minutes: 60 * min(minutes, 60))  # a few take a day
    made = replace(system, deadline=12.0, labels=labels)
    options = Options(name="threeways.systems.taxi.labelled", system=made, n=300, poison=0.1, minute=3.0)
    with labelled(
        options,
        lambda _: training.report.model,
        Console(file=io.StringIO()),
        tmp_path,
        pace=0.1 / 60,
        withheld=lambda index: index % 10 == 3,
    ) as session:
        session.start()
        session.watch()
        accounts = session.end()
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


@pytest.mark.exhaustive
def test_make_run_of_it_tells_the_ledgers_error_and_writes_both(training: Training, tmp_path: Path) -> None:
    said = io.StringIO()
    options = Options(name="labelled", system=system, n=80, poison=0.05)
    ledger = run_labels(options, lambda _: training.report.model, Console(file=said, width=100), tmp_path)
    assert not ledger.failed, said.getvalue()
    assert ledger.labelled == ledger.consumer.predicted >= 70
    assert "lost 0, told twice 0" in said.getvalue()
    assert "The ledger's own RMSE" in said.getvalue()
    written = msgspec.json.decode((tmp_path / "last-run.json").read_bytes())
    assert (written["sent"], written["labels"]["lost"]) == (80, 0)
    [live] = written["labels"]["live"].values()
    assert live["rmse"] == pytest.approx(written["rmse"], abs=1e-9)


def test_what_a_run_with_labels_cannot_honour_is_refused(tmp_path: Path) -> None:
    options, console = Options(name="labelled", system=system, n=10), Console(file=io.StringIO())

    def no_model(_: Settings) -> RegisteredModel:
        raise AssertionError("nothing is begun")

    with pytest.raises(UsageError, match="no pauses; leave it out"):
        run_labels(options, no_model, console, tmp_path, pause="ride_duration:1:2")
    with pytest.raises(UsageError, match="give N=1 or more"):
        run_labels(replace(options, n=0), no_model, console, tmp_path)
    with pytest.raises(UsageError, match="`make run SYSTEM=` alone puts"):
        prepared_for(options, no_model, console)


def test_a_run_fails_where_an_outcome_is_lost_or_live_error_is_not_the_ledgers() -> None:
    own = Ledger(
        sent=2, predicted=2, quarantined=0, abandoned=0, pending=0, lost=0, duplicates=0, batches=1,
        cold_start_s=1.0, seconds=1.0, rides_per_s=2.0, latency_p50_s=0.1, latency_p99_s=0.1,
        model_version="a", rmse=3.0, rmse_rides=2,
    )  # fmt: skip
    good = LabelLedger(
        consumer=own, labelled=2, unmatched=0, sides={}, lost=0, twice=0, duplicates=1,
        live={"a": Figures(n=2, rmse=3.0 + 1e-12)}, completeness={"a": 1.0},
    )  # fmt: skip
    assert not good.failed
    assert msgspec.structs.replace(good, lost=1).failed
    assert msgspec.structs.replace(good, twice=1).failed
    assert msgspec.structs.replace(good, live={"a": Figures(n=2, rmse=3.0 + 1e-8)}).failed
    assert msgspec.structs.replace(good, consumer=msgspec.structs.replace(own, lost=1)).failed


def test_a_system_without_labels_is_refused() -> None:
    with pytest.raises(UsageError, match="give its `System` a `labels`"):
        label_of(replace(system, labels=None), None, 1.0)  # type: ignore[arg-type]
