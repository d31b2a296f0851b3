"""The examples that train and log a model are served by one command each, from the training to the ledger."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import msgspec
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
QUIET = {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "MLFLOW_DISABLE_TELEMETRY": "true"}
pytestmark = pytest.mark.exhaustive


class Example(NamedTuple):
    """A script, and how its model is tried. error: measure -> what it is below."""

    script: str
    model: str
    events: str
    actual: str
    error: dict[str, float]


EXAMPLES = [
    Example("fraud", "models:/fraud@prod", "payments.parquet", "outcome", {"log_loss": 0.25}),
    Example("texts", "models:/spam@prod", "mails.jsonl", "kind", {"log_loss": 0.6}),
    Example(
        "several_outputs", "models:/delivery@prod", "deliveries.parquet", "minutes,litres",
        {"rmse_minutes": 5.0, "rmse_litres": 1.0},
    ),
]  # fmt: skip


def command(folder: Path, *arguments: str, model: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=folder, env=os.environ | QUIET | {"MODEL_LOCATION": model},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def first_row(file: Path) -> dict[str, Any]:
    if file.suffix == ".parquet":
        row: dict[str, Any] = pq.read_table(file).slice(0, 1).to_pylist()[0]
        return row
    return dict(msgspec.json.decode(file.read_bytes().splitlines()[0]))


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda one: one.script)
def example(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Example]:
    """A folder in which the script has run, and the example."""
    chosen: Example = request.param
    script = ROOT / "examples" / f"{chosen.script}.py"
    assert "threeways" not in script.read_text("utf-8")
    folder = tmp_path_factory.mktemp(chosen.script)
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=folder,
        env=os.environ | QUIET,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, chosen


def test_its_events_are_predicted_and_judged(example: tuple[Path, Example]) -> None:
    folder, chosen = example
    asked = ("--events", f".local/{chosen.events}", "--actual", chosen.actual, "--n", "1000")
    running = command(folder, "run", *asked, model=chosen.model)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["predicted"], ledger["quarantined"], ledger["lost"]) == (995, 5, 0)
    assert (ledger["task"], ledger["model_uri"]) == (
        chosen.model.removeprefix("models:/").removesuffix("@prod"),
        chosen.model.replace("@prod", "/1"),
    )
    for measure, most in chosen.error.items():
        assert 0 < ledger["error"][measure] < most


def test_it_is_tried_without_events_too(example: tuple[Path, Example]) -> None:
    folder, chosen = example
    running = command(folder, "run", "--n", "300", model=chosen.model)
    said, _ = running.communicate(timeout=120)
    assert running.returncode == 0, said
    ledger = json.loads((folder / ".local" / "last-run.json").read_text())
    assert (ledger["predicted"], ledger["rides_given_up"], ledger["lost"]) == (298, 0, 0)


def test_its_web_service_has_a_page_and_predicts(example: tuple[Path, Example]) -> None:
    folder, chosen = example
    event = first_row(folder / ".local" / chosen.events)
    running = command(folder, "web", "--port", "0", model=chosen.model)
    assert running.stdout is not None
    try:
        found, said = None, ""
        for line in running.stdout:
            said += line
            if found := re.search(r"serving on (http://127\.0\.0\.1:\d+)", line):
                break
        assert found, said
        with httpx.Client(base_url=found[1], trust_env=False, timeout=30) as client:
            page = client.get("/")
            assert page.status_code == 200
            name = next(one for one in event if one not in {"id", *chosen.actual.split(",")})
            assert f'name="{name}"' in page.text
            answer = client.post("/predict", json=event)
            assert answer.status_code == 200, answer.text
            assert len(answer.json()["prediction"]) >= 2
    finally:
        running.terminate()
        running.wait(30)
