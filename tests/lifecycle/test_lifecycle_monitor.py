"""`threeways monitor`: what it reads, what it writes, and what it refuses."""

from __future__ import annotations

import io
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
import pandas as pd
import pytest
from browser_lab import NEEDS_A_BROWSER, chromium
from doubles import FakeContext, kinesis_event, ride
from rich.console import Console
from small_training import Training

from model import build
from threeways.batch.layout import Naming
from threeways.batch.model import service_of
from threeways.cli.app import app
from threeways.cli.errors import run as run_command
from threeways.emulator.server import Emulator
from threeways.errors import DataError, LocationError, SettingsError, UsageError
from threeways.lifecycle import counts
from threeways.lifecycle.drift import drifted
from threeways.lifecycle.outcomes import collected
from threeways.monitor.command import Options, _outcomes, length_of, run
from threeways.monitor.scheduled import lambda_handler
from threeways.monitor.table import EventsTable
from threeways.monitor.watched import reference_of, values_of
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.systems.taxi.tip import task as tip
from threeways.systems.taxi.trips import city


@pytest.fixture(scope="module")
def service(training: Training) -> ModelService[Any]:
    return service_of(training.report.model.folder, Settings())


def monitored(training: Training, service: ModelService[Any], folder: Path, **given: Any) -> tuple[Any, str]:
    said = io.StringIO()
    options = Options(html=folder / "monitor.html", **given)
    made = run(options, service, training.report.model.folder, Console(file=said, width=200), folder)
    return made, said.getvalue()


def test_a_month_of_the_same_city_is_quiet_and_another_one_is_told(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    quiet, _ = monitored(training, service, tmp_path, events=training.data, window="week")
    assert [one.told for one in quiet.findings if one.kind in {"feature", "share"}] == []
    moved = pd.read_parquet(training.validation)
    name = next(one for one in map(str, moved) if one.endswith("trip_distance"))
    moved[name] *= 3
    moved.to_parquet(tmp_path / "moved.parquet")
    told, said = monitored(training, service, tmp_path, events=str(tmp_path / "moved.parquet"), window="week")
    assert "trip_distance" in {one.what for one in told.findings}
    assert "trip_distance is distributed otherwise" in said
    figures = json.loads((tmp_path / "last-monitor.json").read_text())
    assert figures["rows"] == told.rows > 1_000
    assert figures["labels"] == told.labels > 1_000
    text = (tmp_path / "monitor.html").read_text()
    assert "trip_distance is distributed otherwise" in text
    with sqlite3.connect(tmp_path / "monitor.db") as database:
        [count] = database.execute("select count(*) from monitor_findings").fetchone()
    assert count == len(told.findings)


def test_csv_and_json_lines_are_read_as_parquet_is(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    frame = pd.read_parquet(training.validation).head(800)
    frame.to_csv(tmp_path / "rides.csv", index=False)
    frame.to_json(tmp_path / "rides.jsonl", orient="records", lines=True, date_format="iso")
    frame.to_parquet(tmp_path / "rides.parquet")
    rows = [
        monitored(training, service, tmp_path, events=str(tmp_path / f"rides.{form}"), window="month")[0].rows
        for form in ("csv", "jsonl", "parquet")
    ]
    assert len(set(rows)) == 1


def test_tables_go_to_parquet_where_a_folder_is_named(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    made, _ = monitored(training, service, tmp_path, events=training.validation, out=str(tmp_path / "out"))
    measures = pd.read_parquet(tmp_path / "out" / "measures.parquet")
    assert len(measures) == len(made.series) > 0
    assert {"what", "measure", "start", "value", "threshold"} <= set(measures)


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({}, UsageError, "give COUNTS=, EVENTS= or LABELS="),
        ({"events": "nothing.parquet"}, DataError, "nothing.parquet"),
        ({"counts": "no such folder"}, LocationError, "no such folder"),
        ({"labels": "no such file"}, LocationError, "JSON lines of outcomes"),
        ({"events": "x.parquet", "window": "fortnight"}, UsageError, "day, week, month"),
    ],
    ids=lambda one: "" if isinstance(one, dict) else None,
)
def test_what_cannot_be_read_is_one_line_with_the_mend(
    training: Training, service: ModelService[Any], tmp_path: Path, given: Any, error: Any, told: str
) -> None:
    with pytest.raises(error, match=told):
        monitored(training, service, tmp_path, **given)


@pytest.mark.parametrize("variable", ["EVENTS", "REFERENCE"])
@pytest.mark.parametrize(
    ("name", "text", "naming", "told"),
    [
        ("empty.csv", "HEAD", {}, "=FILE has no row"),
        ("empty.jsonl", "", {}, ": FILE has no row"),
        ("blank.csv", "", {}, ": FILE cannot be read"),
        ("strange.jsonl", '{"a": 1}\n', {}, ": FILE lacks PULocationID"),
        ("good.csv", "ROWS", {"actual": "nosuch"}, ": FILE lacks nosuch"),
        ("gone.csv", None, {}, "FILE"),
    ],
)
def test_a_table_that_cannot_be_read_is_named_as_it_was_given(
    training: Training, service: ModelService[Any], tmp_path: Path,
    variable: str, name: str, text: str | None, naming: dict[str, str], told: str,
) -> None:  # fmt: skip
    rows = pd.read_parquet(training.validation).head(60)
    file, good = tmp_path / name, tmp_path / "sound.parquet"
    rows.assign(nosuch=10.0).to_parquet(good)
    if text in ("HEAD", "ROWS"):
        (rows.head(0) if text == "HEAD" else rows).to_csv(file, index=False)
    elif text is not None:
        file.write_text(text)
    given = {"events": str(good)} | {variable.lower(): str(file)}
    with pytest.raises(DataError) as error:
        monitored(training, service, tmp_path, naming=Naming(**naming), **given)
    assert str(error.value).startswith(variable)
    assert told.replace("FILE", str(file)) in str(error.value)
    assert "0000.parquet" not in str(error.value)


def _minutes(training: Training, path: Path, sign: int = 1) -> str:
    frame = pd.read_parquet(training.validation)
    ends = [
        next(one for one in map(str, frame) if one.endswith(f"{what}_datetime")) for what in ("off", "up")
    ]
    frame["minutes"] = sign * (frame[ends[0]] - frame[ends[1]]).dt.total_seconds() / 60
    frame.drop(columns=ends[0]).to_parquet(path)
    return str(path)


def test_labels_in_a_named_column_of_minutes_are_those_of_the_drop_off_times(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    events = _minutes(training, tmp_path / "minutes.parquet")
    by_number, _ = monitored(training, service, tmp_path, events=events, naming=Naming(actual="minutes"))
    by_time, _ = monitored(training, service, tmp_path, events=training.validation)
    assert by_number.labels == by_time.labels > 1_000


def test_labels_that_are_all_unusable_are_refused_with_the_reason(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    events = _minutes(training, tmp_path / "minutes.parquet", -1)
    with pytest.raises(
        DataError, match=r"ACTUAL=minutes: no label of .*minutes.parquet is usable: .*not within 1"
    ):
        monitored(training, service, tmp_path, events=events, naming=Naming(actual="minutes"))


def _thin(training: Training, folder: Path) -> dict[str, Any]:
    frame = pd.read_parquet(training.validation)
    day = pd.to_datetime(frame[next(one for one in map(str, frame) if one.endswith("up_datetime"))]).dt.date
    frame.groupby(day).head(40).to_parquet(folder / "thin.parquet")
    return {"events": str(folder / "thin.parquet")}


@pytest.mark.parametrize("given", ["few", "no reference", "truncated", "strange labels", "empty labels"])
def test_a_report_that_judged_nothing_says_so_and_why(
    training: Training, service: ModelService[Any], tmp_path: Path, given: str
) -> None:
    (tmp_path / "strange").mkdir()
    (tmp_path / "artifact").mkdir()
    artifact, says, options = training.report.model.folder, "holds no label outcome", {}
    if given == "few":
        options, says = _thin(training, tmp_path), "their days have fewer than 50 events each"
        frame = pd.read_parquet(options["events"])
        frame.drop(columns=[one for one in map(str, frame) if one.endswith("off_datetime")]).to_parquet(
            options["events"]
        )
    elif given in ("no reference", "truncated"):
        if given == "truncated":
            (tmp_path / "artifact" / "reference.json").write_bytes(
                (artifact / "reference.json").read_bytes()[:99]
            )
        (tmp_path / "counts").mkdir()
        options, artifact = {"counts": str(tmp_path / "counts")}, tmp_path / "artifact"
        says = "features are not compared"
    else:
        (tmp_path / "strange" / ("a.json" if given[0] == "s" else "a.txt")).write_text('{"a": 1}\n')
        options = {"labels": str(tmp_path / "strange")}
    said = io.StringIO()
    made = run(
        Options(html=tmp_path / "m.html", **options),
        service,
        artifact,
        Console(file=said, width=500),
        tmp_path,
    )
    assert not made.judged
    assert "Nothing was judged: " in said.getvalue()
    assert says in said.getvalue()
    assert "Nothing moved" not in said.getvalue()
    page = (tmp_path / "m.html").read_text()
    assert "Nothing was judged: " in page
    assert "Nothing moved" not in page
    figures = json.loads((tmp_path / "last-monitor.json").read_text())
    assert figures["judged"] is False
    assert says in figures["headline"]


def test_the_command_ends_with_1_where_nothing_was_judged(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "labels").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODEL_LOCATION", str(training.report.model.folder))
    asked = ["threeways", "monitor", "--labels", "labels", "--html", "m.html"]
    monkeypatch.setattr("sys.argv", asked)
    assert run_command(app) == 1


def test_what_was_left_out_is_told_beside_what_was_judged(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    made, said = monitored(training, service, tmp_path, **_thin(training, tmp_path))
    assert made.judged  # its labels
    assert "events are in no window: their days have fewer than 50 events each" in said


def test_an_artifact_without_a_reference_is_monitored_by_its_labels_alone(
    training: Training, service: ModelService[Any], tmp_path: Path
) -> None:
    made = run(
        Options(events=training.validation, html=tmp_path / "m.html"), service, tmp_path,
        Console(file=io.StringIO()), tmp_path,
    )  # fmt: skip
    assert any("REFERENCE=" in one for one in made.notes)
    assert (made.windows, made.labels > 0) == (0, True)
    known, _ = monitored(
        training, service, tmp_path, events=training.validation, reference=training.data, window="week"
    )
    assert known.windows > 0


def outcome(**changes: Any) -> bytes:
    given = {
        "message": "label", "id": "a", "decision": "d1", "revision": 1, "ride_id": 5, "model": "m",
        "version": "v", "predicted": 20.0, "interval": [14.0, 31.0], "actual": 18.4,
        "at": "2021-02-01T08:15:00+00:00", "slices": {"PULocationID": 7, "trip_distance": 3.5},
    }  # fmt: skip
    return json.dumps(given | changes).encode()


def test_label_outcomes_are_read_once_by_version_and_their_last_revision_counts() -> None:
    lines = [
        outcome(), outcome(), outcome(revision=2, actual=19.0), outcome(version="w"),
        b'{"message": "unmatched", "side": "label", "at": 1}', b'{"half', outcome(decision="d2", actual=1.0),
        outcome(at="0001-01-01T00:00:00+05:00"),
    ]  # fmt: skip
    found = collected(lines, "v")
    assert found.outcomes.actual.tolist() == [19.0, 1.0]
    assert (found.others, found.unmatched, found.unreadable, found.repeated) == (1, 1, 2, 2)
    assert found.outcomes.slices["PULocationID"].tolist() == ["7", "7"]
    assert collected(lines).outcomes.predicted.tolist() == [20.0] * 3


def test_a_length_is_a_name_or_days() -> None:
    assert [length_of(one).days for one in ("day", "week", "month", "3d")] == [1, 7, 28, 3]


def test_tips_are_watched_in_rows_that_training_leaves_out() -> None:
    frame = city.month(2021, 1, 6_000)
    values, times = values_of(frame, tip)
    assert "tip_amount where payment_type is 1" in values
    assert len(times) == len(frame)
    reference = reference_of(values, times, "ride_tip", "January")
    assert reference is not None
    paid = frame[next(one for one in map(str, frame) if one.endswith("payment_type"))] == 1
    name = "tip_amount where payment_type is 1"
    counted = next(one for one in reference.features if one.name == name)
    assert counted.by_block.sum() == pytest.approx(np.count_nonzero(paid), rel=0.02)


@NEEDS_A_BROWSER
@pytest.mark.exhaustive
def test_the_report_fits_a_phone(training: Training, service: ModelService[Any], tmp_path: Path) -> None:
    monitored(training, service, tmp_path, events=training.validation)
    with chromium(tmp_path / "profile") as browser:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 360, "height": 800, "deviceScaleFactor": 1, "mobile": True},
        )
        browser.get((tmp_path / "monitor.html").as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= 360
        assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def test_what_a_function_counts_is_monitored(
    training: Training,
    service: ModelService[Any],
    tmp_path: Path,
    emulator: Emulator,
    new_bucket: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", emulator.endpoint_url)
    new_bucket("counted")
    handle = build(
        Settings(
            model_location=str(training.report.model.folder), test_run=True,
            counts_location="s3://counted/counts", counts_seconds=3_600,
        )
    )  # fmt: skip
    rides = [ride(number, distance=2.0, PULocationID=999) for number in range(300)]
    assert handle(kinesis_event(rides), FakeContext())["batchItemFailures"] == []
    counting: Any = handle._counting
    counting.flush()
    kept = counts.read("s3://counted/counts", lambda: emulator.client("s3"))
    [record] = kept.records
    assert (record.rows, record.version) == (300, service.version)
    whole = msgspec.structs.replace(
        record, start=datetime(2021, 3, 1, tzinfo=UTC), end=datetime(2021, 3, 2, tzinfo=UTC)
    )
    (tmp_path / "counts").mkdir()
    (tmp_path / "counts" / "a.json").write_bytes(msgspec.json.encode(whole))
    (tmp_path / "counts" / "b.json").write_bytes(msgspec.json.encode(whole)[:99])
    told, _ = monitored(training, service, tmp_path, counts=str(tmp_path / "counts"))
    assert "other" in drifted(told.findings, "PULocationID")
    assert any("no record of counts" in one for one in told.notes)
    settings = {
        "MODEL_LOCATION": str(training.report.model.folder), "MONITOR_COUNTS": "s3://counted/counts",
        "MONITOR_REPORTS": "s3://counted/monitor",
    }  # fmt: skip
    with pytest.raises(SettingsError, match="MONITOR_COUNTS"):
        lambda_handler({}, None)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    answer = lambda_handler({"days": 2}, None)
    assert answer["report"] == "s3://counted/monitor/monitor.html"
    put = emulator.client("s3").list_objects_v2(Bucket="counted", Prefix="monitor/")["Contents"]
    assert [one["Key"] for one in put] == ["monitor/last-monitor.json", "monitor/monitor.html"]
    with pytest.raises(SettingsError, match="schedule's input"):
        lambda_handler({"day": 2}, None)


def test_labels_of_classes_are_told_to_be_left_out(tmp_path: Path) -> None:
    at = np.array(["2021-02-01T08:00:00"] * 3, "datetime64[us]")
    classes = EventsTable("mails", at, {}, {"label": np.array(["a", "b", "a"], object)}, np.full(3, np.nan))
    notes = list[str]()
    options = Options(events="mails", naming=Naming(actual="kind"), html=tmp_path / "m.html")
    assert _outcomes(options, cast("Any", None), classes, notes) is None
    assert notes == ["ACTUAL=kind: only errors of one number are judged, not of classes"]
