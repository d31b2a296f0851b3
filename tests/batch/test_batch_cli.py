"""`make batch` as a user meets it, and the function that the schedule calls."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from batch_lab import RIDE, ids, rides, rows
from batch_lab import service as fake_service
from rich.console import Console
from small_training import Training

from threeways.batch import scheduled
from threeways.batch.command import Options, run
from threeways.batch.job import Asked
from threeways.errors import SettingsError
from threeways.systems.taxi.trips import demo


def told(options: Options, local: Path) -> tuple[bool, str]:
    out = io.StringIO()
    return run(options, fake_service, Console(file=out, width=110), local), out.getvalue()


def test_with_nothing_given_it_makes_its_own_rides_and_says_where_all_is(tmp_path: Path) -> None:
    demo.database(tmp_path / "rides.db", 9_000)
    report = tmp_path / "report.html"
    good, said = told(Options(report=report), tmp_path)
    assert good
    for part in ("rides.db", "predictions.db", f"Report: {report}", "`last Tuesday` is not", "9,000"):
        assert part in said
    last = json.loads((tmp_path / "last-batch.json").read_text())
    assert last["read"] == last["scored"] + last["quarantined"] == 9_000
    assert last["quarantined"] == 9 + 6 + 4 + 3 + 1 + 1
    assert {"rows_per_s", "model_version", "interval"} < last.keys()
    again, said = told(Options(report=report), tmp_path)
    assert again
    for part in ("No events from", "`last Tuesday` is not", "4 rows have no pickup_datetime"):
        assert part in said
    assert "not recorded as done" not in said


def test_the_report_is_one_file_with_everything_in_it(tmp_path: Path) -> None:
    demo.database(tmp_path / "rides.db", 9_000)
    for n, end in enumerate(("2021-03-15", None)):
        report = tmp_path / f"report-{n}.html"
        told(Options(report=report, asked=Asked(end=end)), tmp_path)
    page = report.read_text()
    assert page.count("<svg") == 6
    assert not re.findall(r"<script|<link|<img|url\(http|@import", page)
    for part in (
        "By hour of pickup",
        "Against the last runs",
        "unknown_zone",
        "`$.ride.trip_distance`",
        "MAE",
    ):
        assert part in page
    assert page.count("fake") == 0
    assert len(re.findall("2021-03-15 00:00", page)) >= 2


def test_what_a_row_says_is_text_in_the_report_and_never_markup(tmp_path: Path) -> None:
    url = rides(tmp_path / "rides.db", [(1, *RIDE), (2, 1, 2, 3.0, "<script>alert(1)</script>", None)])
    report = tmp_path / "report.html"
    told(Options(url, report=report), tmp_path)
    assert "&lt;script&gt;" in report.read_text()
    assert "<script" not in report.read_text()


def test_more_bad_rows_than_tolerated_are_told_apart_and_the_good_ones_kept(tmp_path: Path) -> None:
    url = rides(tmp_path / "rides.db", [*((n, *RIDE) for n in range(9)), (9, 1, 2, -1.0, RIDE[3], None)])
    out = f"sqlite:///{tmp_path / 'p.db'}"
    assert not told(Options(url, predictions=out, tolerate=0.05), tmp_path)[0]
    assert ids(out) == list(range(9))
    asked = Asked(start="2021-01-01")
    assert told(Options(url, predictions=out, tolerate=0.1, asked=asked), tmp_path)[0]


def test_the_schedules_function_runs_what_its_input_and_environment_say(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(10)])
    out = f"sqlite:///{tmp_path / 'p.db'}"
    monkeypatch.setenv("BATCH_RIDES", url)
    monkeypatch.setenv("BATCH_PREDICTIONS", out)
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    answer = scheduled.lambda_handler({"from": "2021-02-01", "to": "2021-02-02"}, None)
    assert (answer["read"], answer["scored"]) == (10, 10)
    assert {row[4] for row in rows(out)} == {training.report.model.run_id}
    assert scheduled.lambda_handler({"last": "day"}, None)["read"] == 0
    with pytest.raises(SettingsError, match="the schedule's input"):
        scheduled.lambda_handler({"last": 1}, None)
    monkeypatch.delenv("BATCH_RIDES")
    with pytest.raises(SettingsError, match="BATCH_EVENTS and BATCH_PREDICTIONS"):
        scheduled.lambda_handler({}, None)


def test_too_many_bad_rows_fail_the_invocation_after_the_good_ones_are_kept(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = f"sqlite:///{tmp_path / 'p.db'}"
    monkeypatch.setenv(
        "BATCH_RIDES", rides(tmp_path / "rides.db", [(1, *RIDE), (2, 1, 2, -1.0, RIDE[3], None)])
    )
    monkeypatch.setenv("BATCH_PREDICTIONS", out)
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    with pytest.raises(scheduled.TooManyQuarantined, match="1 of 2 rows"):
        scheduled.lambda_handler({}, None)
    assert ids(out) == [1]
