"""The batch job's image: run once, on files, as Lambda would run it."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pyarrow.parquet
import pytest
from image_code import answer_of
from rich.console import Console

from threeways.batch.command import Options, run
from threeways.batch.job import Asked
from threeways.batch.model import service_of
from threeways.docker import engine
from threeways.systems.taxi.trips import demo

LOCAL = Path(__file__).resolve().parents[1] / ".local"
RUN = """
import importlib, json
module, _, name = %r.rpartition(".")
print(json.dumps(getattr(importlib.import_module(module), name)(%r, None)))
"""
RIDES, EVENT = 5_000, {"from": "2021-03-01", "to": "2021-04-01"}


@pytest.fixture
def batch_image() -> str:
    """The image; where there is none the test is skipped, loudly."""
    if os.environ["EMULATOR"] != "moto":
        pytest.skip("the batch job's image asks for no emulator: EMULATOR=moto tests it")
    name = os.environ["BATCH_IMAGE"]
    if not name:
        pytest.skip("NOT TESTED: the batch job's image: `make image TARGET=batch` builds it, then it is")
    return name


def test_it_scores_a_month_of_a_file_into_a_folder_as_the_job_here_does(
    batch_image: str, tmp_path: Path
) -> None:
    from threeways.training.train import resolve_or_train

    folder = resolve_or_train(console=Console(file=io.StringIO()), folder=LOCAL).folder
    shared = tmp_path / "shared"
    shutil.copytree(folder, shared / "model", copy_function=shutil.copyfile)
    demo.parquet(shared / "rides.parquet", RIDES)
    (shared / "predictions").mkdir()
    for path in (tmp_path, shared, *shared.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o644)
    said = in_container(batch_image, shared)
    here = tmp_path / "here"
    options = Options(
        str(shared / "rides.parquet"), predictions=str(here), asked=Asked(EVENT["from"], EVENT["to"])
    )
    assert run(options, lambda: service_of(folder), Console(file=io.StringIO()), tmp_path)
    expected = rows(here)
    assert len(expected) > RIDES * 0.9
    assert rows(shared / "predictions") == expected
    assert (said["scored"], said["read"]) == (len(expected), RIDES)


def in_container(image: str, shared: Path) -> dict[str, int]:
    """What the image's own handler answers, without a network and as a user that it does not know."""
    [handler] = json.loads(engine.docker("image", "inspect", "--format", "{{json .Config.Cmd}}", image))
    variables = {
        "BATCH_RIDES": "/shared/rides.parquet",
        "BATCH_PREDICTIONS": "/shared/predictions",
        "MODEL_LOCATION": "/shared/model",
    }
    answer: dict[str, int] = answer_of(image, RUN % (handler, EVENT), variables, shared, "/shared")
    return answer


def rows(folder: Path) -> list[tuple[object, ...]]:
    """The predictions in a folder, each with its ride's id and pickup, the flags and the model's version."""
    files = sorted(folder.glob("predictions_*.parquet"))
    assert files
    return sorted(
        tuple(row.values()) for file in files for row in pyarrow.parquet.read_table(file).to_pylist()
    )
