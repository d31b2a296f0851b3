"""The serving model's intervals, fitted to the newest labels: what is promoted, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
from follow_lab import Life, constant
from small_training import Training
from typer.testing import CliRunner

from threeways import bootstrap
from threeways.artifact.interval import IntervalTable, in_metadata
from threeways.cli.app import app
from threeways.errors import PointerMoved, PromotionRefused
from threeways.lifecycle import promotion, recalibration
from threeways.lifecycle.fields import unix_times
from threeways.lifecycle.pointer import Pointer
from threeways.local_run.events import Source, load
from threeways.ops import promote as promoting
from threeways.ops.recalibrate import Recalibrated, recalibrate
from threeways.scoring.events import Events
from threeways.scoring.task import Task, Time
from threeways.settings import Settings
from threeways.systems.taxi import duration

pytest_plugins = ["follow_fixtures"]

TRUTH = 10 + np.random.default_rng(3).normal(size=2_000)
NARROW = IntervalTable(0.8, (), (-0.3,), (0.3,), least=0.0)
WIDE = IntervalTable(0.8, (), (-5.0,), (5.0,), least=0.0)


def window(task: Task[Any] | None = None, truth: Any = TRUTH) -> Events:
    """2,000 events that really were 10, give or take one."""
    del task
    payloads = [b'{"id": %d, "distance": 1.0, "hour": %d}' % (n, n % 24) for n in range(len(truth))]
    return Events("march", range(len(truth)), lambda: iter(payloads), truth, np.full(len(truth), True))


def serving(life: Life, table: IntervalTable | None) -> Pointer:
    """Promote a model that predicts 10, with an interval table of its own."""
    metadata = in_metadata(table) if table else {}
    folder = constant(life.folder / "ten", 10.0, skops=True, metadata=metadata)
    request = promoting.Request(model=str(folder), pointer=life.place, by="ann")
    return promoting.promote(request, None, life.folder / "local").change.pointer


def recalibrated(life: Life, window: Any = window) -> Recalibrated:
    return recalibrate(life.place, window, "bob", None, Settings())


@pytest.mark.parametrize("table", [NARROW, WIDE])
def test_the_same_model_goes_on_with_intervals_that_hold_four_of_five(
    life: Life, table: IntervalTable
) -> None:
    first = serving(life, table)
    found = recalibrated(life).found
    pointer = life.store.read().pointer
    assert pointer is not None
    assert pointer.is_same_model(first)
    assert (pointer.interval, pointer.by) == (found.table, "bob")
    assert pointer.interval is not None
    assert (pointer.interval.coverage, pointer.interval.least) == (0.8, 0.0)
    assert pointer.interval.low[0] == pytest.approx(-1.28, abs=0.15)
    assert pointer.interval.high[0] == pytest.approx(1.28, abs=0.15)
    assert abs(found.after.share - 0.8) < 0.04 < abs(found.before.share - 0.8)
    assert f"{100 * found.before.share:.1f} %" in pointer.because
    back, _ = promoting.demote(life.place, "bob", "it was right", "champion", life.folder)
    assert back.pointer.interval is None


def test_the_coverage_after_is_of_events_that_the_table_has_not_seen(life: Life) -> None:
    serving(life, NARROW)
    changing = np.concatenate([TRUTH[:1_000], 10 + 3 * (TRUTH[1_000:] - 10)])  # the newer half is wider
    found = recalibrated(life, lambda task: window(task, changing)).found
    assert found.after.share < 0.45  # and 0.8 by a table of all
    assert found.before.rows == found.after.rows == 1_000
    assert found.events == 2_000


def test_a_table_that_covers_already_stays(life: Life) -> None:
    first = serving(life, IntervalTable(0.8, (), (-1.28,), (1.28,)))
    with pytest.raises(PromotionRefused, match=r"not recalibrated: .* does not surely cover better: .* 80 %"):
        recalibrated(life)
    assert life.store.read().pointer == first


def test_what_cannot_be_recalibrated_is_refused_with_the_mend(life: Life) -> None:
    with pytest.raises(PromotionRefused, match="promote a model first"):
        recalibrated(life)
    first = serving(life, None)
    with pytest.raises(PromotionRefused, match=r"no interval table.*train it again"):
        recalibrated(life)
    life.put(msgspec.structs.replace(first, interval=NARROW))
    with pytest.raises(PromotionRefused, match=r"399 events .* too few to recalibrate, 400 are the least"):
        recalibrated(life, lambda task: window(task, TRUTH[:399]))
    with pytest.raises(PromotionRefused, match="0 events with"):
        recalibrated(life, lambda task: window(task, np.full(900, np.nan)))
    labels = np.array(["long"] * 900, dtype=object)
    with pytest.raises(PromotionRefused, match="is no number"):
        recalibrated(life, lambda task: window(task, labels))
    assert recalibrated(life).found.events == 2_000


def test_a_table_is_not_given_to_a_model_that_was_promoted_meanwhile(life: Life) -> None:
    first = serving(life, NARROW)

    def slow(task: Task[Any]) -> Events:
        held = life.store.read()
        promotion.put(life.store, held.pointer, held.etag, msgspec.structs.replace(first, by="eve"))
        return window(task)

    with pytest.raises(PointerMoved, match="promoted by eve"):
        recalibrated(life, slow)
    now = life.store.read().pointer
    assert now is not None
    assert (now.by, now.interval) == ("eve", None)


def test_groups_by_a_column_are_kept_and_fitted(life: Life) -> None:
    serving(life, IntervalTable(0.8, (), (-1.28, -1.28), (1.28, 1.28), by="hour", by_edges=(12.0,)))
    hour = np.arange(2_000) % 24
    wider = 10 + np.where(hour < 12, 1, 4) * (TRUTH - 10)
    table = recalibrated(life, lambda task: window(task, wider)).found.table
    assert (table.by, table.by_edges) == ("hour", (12.0,))
    assert table.high[-1] > 3 * table.high[0]


def test_rides_are_judged_in_the_order_of_their_time_whatever_the_file_s(training: Training) -> None:
    service = bootstrap.service_of(training.report.model.folder, Settings(task="ride_duration"))
    events = load(Source(training.validation), duration.task, lambda _: None)
    payloads = list(events.payloads())
    mixed = np.random.default_rng(1).permutation(len(events))
    shuffled = replace(
        events,
        payloads=lambda: iter([payloads[row] for row in mixed]),
        truth=events.truth[mixed],
        counted=events.counted[mixed],
    )
    one, other = (recalibration.recalibrated(service, each) for each in (events, shuffled))
    assert one.before == other.before
    assert one.after == other.after
    assert other.change.by != "event"


def test_times_are_by_the_event_s_own_clock_and_unknown_ones_are_told_apart() -> None:
    values = ["2021-02-01T08:15:00", "2021-02-01T08:15:00-05:00", "2021-02-01T13:15:00Z", "soon", None, 7]
    found = unix_times(values, Time("at", "America/New_York"))
    assert found[:3].tolist() == [1612185300.0] * 3
    assert np.isnan(found[3:]).all()
    assert np.isnan(unix_times(values, None)).all()


def test_the_command_recalibrates(life: Life, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    serving(life, NARROW)
    pd.DataFrame({"id": range(2_000), "distance": 1.0, "hour": 7.0, "really": TRUTH}).to_csv(
        "march.csv", index=False
    )
    words = ["recalibrate", "--pointer", life.place, "--by", "bob"]
    told = CliRunner().invoke(app, [*words, "--events", "march.csv", "--actual", "really"])
    assert told.exit_code == 0, told
    assert "Coverage: of 80 %" in told.output
    assert "Back: make demote" in told.output
    pointer = life.store.read().pointer
    assert pointer is not None
    assert pointer.interval is not None
    assert "EVENTS" in str(CliRunner().invoke(app, words).exception)
