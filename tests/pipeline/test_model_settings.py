"""Each command honours TASK, MODEL_LOCATION, MODEL_SHA256, MODEL_RUNTIME and RUN_ID, or refuses them."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import httpx
import pytest
from batch_lab import RIDE, rides, rows
from doubles import ride
from model_settings_lab import TIP, folder, invoked, process, tip, tip_here
from second_task import orders_model, tip_model
from small_training import Training

from threeways import artifact

pytestmark = pytest.mark.exhaustive

__all__ = ["folder", "tip", "tip_here"]  # a fixture is found where it is imported


def test_run_serves_the_task_and_model_that_are_named_and_says_so(folder: Path, tip: Path) -> None:
    running = process(folder, "run", "--n", "200", MODEL_LOCATION=str(tip), RUN_ID="tips-1", **TIP)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert f"Model: {tip} (run tips-1), task tip_amount, served by sklearn" in said
    assert "A few of the predictions, in USD" in said
    assert re.search(r"RMSE 100\d\.\d+ USD over the 199 events that training keeps", said)
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["predicted"], ledger["quarantined"], ledger["lost"]) == (199, 1, 0)
    assert (ledger["model_version"], ledger["rmse_rides"]) == ("tips-1", 199)


@pytest.mark.exhaustive
def test_run_sends_events_of_a_task_that_knows_no_ride_from_a_file_and_judges_them_by_a_column(
    folder: Path,
) -> None:
    file = folder / "orders.csv"
    rows = "\n".join(f"A{n:03},{n / 10},{n / 5}" for n in range(300))
    file.write_text(f"number,weight,took\n{rows}\nA300,heavy,1\n")
    given = {"TASK": "orders", "MODEL_LOCATION": str(orders_model(folder / "orders model"))}
    asked = ("--events", str(file), "--actual", "took", "--id", "number", "--n", "0", "--poison", "0.1")
    running = process(folder, "run", *asked, **given)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said
    assert "Events: 300 of" in said
    assert (
        "1 of its rows stay out, for they are no valid event (the first: Expected `float`, got `str`" in said
    )
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["sent"], ledger["predicted"], ledger["quarantined"]) == (300, 270, 30)
    assert ledger["rmse"] < 1e-9
    assert "over the 270 events whose truth is known" in said
    assert "weight" in said
    assert not re.search("ride|zone|minute", said.lower())


def test_web_serves_the_task_and_model_that_are_named(folder: Path, tip: Path) -> None:
    running = process(folder, "web", "--port", "0", MODEL_LOCATION=str(tip), **TIP)
    assert running.stdout is not None
    try:
        said, found = "", None
        for line in running.stdout:
            said += line
            if found := re.search(r"serving on (http://127\.0\.0\.1:\d+)", line):
                break
        assert f"Model: {tip}" in said
        assert "task tip_amount" in said
        assert found
        with httpx.Client(base_url=found[1], trust_env=False, timeout=30) as client:
            answer = client.post(
                "/predict", content=ride(), headers={"Content-Type": "application/json"}
            ).json()
            assert answer["prediction"]["tip_amount"] > 1000
            assert client.get("/model").json()["task"] == "tip_amount"
        running.send_signal(signal.SIGINT)
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.communicate()


def test_batch_scores_with_the_model_that_is_named_under_the_run_that_is_named(
    training: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url, out = rides(tmp_path / "rides.db", [(n, *RIDE) for n in range(3)]), f"sqlite:///{tmp_path / 'p.db'}"
    model = str(training.report.model.folder)
    done = invoked(
        "batch",
        "--rides",
        url,
        "--predictions",
        out,
        "--to",
        "2022-01-01",
        MODEL_LOCATION=model,
        RUN_ID="r-7",
    )
    assert done.exit_code == 0, done.output
    assert "task ride_duration" in done.output
    assert {row[4] for row in rows(out)} == {"r-7"}


@pytest.mark.usefixtures("tip_here")
def test_plan_is_for_the_events_of_the_task_that_is_named() -> None:
    done = invoked("plan", "--rate", "1000", TASK="orders")
    assert done.exit_code == 0, done.output
    assert "with events as TASK=orders has them" in done.output
    assert "an event has 50 bytes and a prediction" in done.output
    assert "Kinesis" in done.output
    assert not re.search("ride|zone|trip|taxi", done.output.lower())


@pytest.mark.usefixtures("tip_here")
def test_digest_and_export_take_the_model_that_the_environment_names(tip: Path, tmp_path: Path) -> None:
    done = invoked("digest", MODEL_LOCATION=str(tip), **TIP)
    assert (done.exit_code, done.stdout.strip()) == (0, artifact.digest(tip))
    assert f"Model: {tip}" in done.stderr
    assert "task tip_amount" in done.stderr
    to = tmp_path / "copy"
    done = invoked("export", "--to", str(to), MODEL_LOCATION=str(tip), **TIP)
    assert done.exit_code == 0, done.output
    assert artifact.load(to).runtime == "onnx"


@pytest.fixture(scope="module")
def long_rides(folder: Path) -> Path:
    return tip_model(folder / "long", "long_rides")


@pytest.mark.exhaustive
def test_a_run_that_quarantines_more_rides_than_tolerated_is_a_failed_one(
    folder: Path, long_rides: Path
) -> None:
    given = {"TASK": "long_rides", "MODEL_LOCATION": str(long_rides)}
    running = process(folder, "run", "--n", "200", "--poison", "0.1", **given)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 3, said
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert ledger["broken"] == 20
    assert ledger["rides_given_up"] == ledger["quarantined"] - 20 > 9
    assert f"Given up: {ledger['rides_given_up']} of 180 events" in said
    assert "more than TOLERATE=0.05" in said
