"""The task of docs/tasks.md, outside of the checkout, goes through run and batch as it stands."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from doubles import FakeKinesis, FakeModel, kinesis_event
from rich.console import Console
from small_training import Training

from threeways.artifact.answers import Answers
from threeways.scoring import tasks
from threeways.scoring.service import ModelService
from threeways.settings import inherited_environment
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.stream.quarantine import NoQuarantine
from threeways.training.train import train

pytestmark = pytest.mark.exhaustive

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "tasks.md").read_text("utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and the model of the documentation."""
    folder = tmp_path_factory.mktemp("shop")
    _, task, model, feeds = _blocks()
    (folder / "shop").mkdir()
    (folder / "shop" / "delivery.py").write_text(task)
    (folder / "shop" / "feeds.py").write_text(feeds)
    (folder / "log.py").write_text(model)
    subprocess.run([sys.executable, "log.py"], cwd=folder, env=_variables(), check=True)
    return folder


def _blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def _variables(**more: str) -> dict[str, str]:
    return {**inherited_environment(), "PYTHONPATH": str(ROOT), "MLFLOW_DISABLE_TELEMETRY": "true", **more}


def called(folder: Path, *arguments: str, task: str = "shop.delivery") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "threeways", *arguments],
        cwd=folder, env=_variables(TASK=task, MODEL_LOCATION="model"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_task_in_a_package_of_ones_own_goes_through_the_pipeline(shop: Path) -> None:
    done = called(shop, "run", "--n", "200")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "task delivery" in done.stdout
    assert "lost 0" in done.stdout
    assert re.search(r"predicted +│ +199", done.stdout), done.stdout


@pytest.mark.exhaustive
def test_a_further_consumer_of_a_stream_is_one_file_of_twenty_lines_and_one_command(
    training: Training, tmp_path: Path
) -> None:
    files = (training.data, training.validation)
    # The model of the one that is there, on few rides; the command trains the further one's.
    train(*files, console=Console(file=io.StringIO()), folder=tmp_path / ".local")
    file = _blocks()[0]
    assert len(file.splitlines()) <= 20
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk" / "tips.py").write_text(file)
    [consumers] = re.findall(r'^make run CONSUMERS="(.*?)"$', TEXT, re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-m", "threeways", "run", "--consumers", consumers, "--n", "400"],
        cwd=tmp_path, env=_variables(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    ledgers = json.loads((tmp_path / ".local" / "last-run.json").read_text())["consumers"]
    assert list(ledgers) == ["ride_duration", "recorded_tip"]
    for ledger in ledgers.values():
        assert (ledger["sent"], ledger["predicted"], ledger["quarantined"]) == (400, 398, 2)
        assert ledger["rmse"] > 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [".local", "desk"]


def test_a_task_in_a_package_of_ones_own_scores_a_table(shop: Path) -> None:
    import pandas as pd

    pd.DataFrame({"order_id": range(50), "weight": 2.0, "express": False}).to_parquet(shop / "orders.parquet")
    done = called(shop, "batch", "--events", "orders.parquet", "--predictions", "sqlite:///out.db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "50" in done.stdout


class Affinity(FakeModel):
    """A recommender of three users."""

    answers = Answers(names=("bob", "ann", "cy"))

    def predict(self, features: Any) -> Any:
        return np.array([[0.7, 0.9, 0.1]] * len(features))


def test_a_task_with_several_messages_puts_them_under_the_ids_that_the_page_tells(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(shop)
    client, model = FakeKinesis(), Affinity()
    service = ModelService(model, tasks.find("shop.feeds"), "v1")
    service.prove()
    handle = StreamHandler(service, StreamDelivery(cast("Any", client), "predictions"), NoQuarantine())
    assert handle(kinesis_event([b'{"upload_id": 1, "seconds": 2}'])) == {"batchItemFailures": []}
    example = json.loads(re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)[0].replace("4963…", "1001"))
    assert json.loads(client.stored[0]["Data"]) == {**example, "version": "v1"}
    assert [record["PartitionKey"] for record in client.stored] == ["ann", "bob"]


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("shop.nothing", "there is no module shop.nothing here"),
        ("nobody.delivery", "there is no module nobody here"),
        ("shop.broken", "cannot be imported: SyntaxError"),
        ("shop.empty", "holds no task"),
        ("shop.other", "is no threeways.scoring.Task but int"),
    ],
)
def test_a_module_that_is_no_task_is_refused_in_one_line(shop: Path, task: str, said: str) -> None:
    (shop / "shop" / "broken.py").write_text("task = (")
    (shop / "shop" / "empty.py").write_text("")
    (shop / "shop" / "other.py").write_text("task = 3")
    done = called(shop, "digest", task=task)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
