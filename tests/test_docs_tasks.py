"""The task of docs/tasks.md, outside of the checkout, goes through run and batch as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from threeways.settings import inherited_environment

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "tasks.md").read_text("utf-8")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and the model of the documentation."""
    folder = tmp_path_factory.mktemp("shop")
    task, model = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    (folder / "shop").mkdir()
    (folder / "shop" / "delivery.py").write_text(task)
    (folder / "log.py").write_text(model)
    subprocess.run([sys.executable, "log.py"], cwd=folder, env=_variables(), check=True)
    return folder


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


def test_a_task_in_a_package_of_ones_own_scores_a_table(shop: Path) -> None:
    import pandas as pd

    pd.DataFrame({"order_id": range(50), "weight": 2.0, "express": False}).to_parquet(shop / "orders.parquet")
    done = called(shop, "batch", "--events", "orders.parquet", "--predictions", "sqlite:///out.db")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "50" in done.stdout


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
