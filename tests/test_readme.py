"""What the README shows works as shown."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Generator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mlflow
import numpy as np
import pytest
import skops.io
from kpl import aggregated
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.linear_model import HuberRegressor, Ridge, TweedieRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import KBinsDiscretizer, StandardScaler
from sklearn.tree import DecisionTreeRegressor

from threeways import artifact
from threeways.emulator.server import Emulator
from threeways.scoring.service import ModelService
from threeways.settings import Settings, TrainingSettings, WebSettings
from threeways.systems.taxi.duration import task

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def consumers(tmp_path: Path) -> dict[str, str]:
    """The code of the README's consumer and of the longer one; they sleep less here."""
    [short] = re.findall(r"```python\n(import boto3.*?)```", README, re.DOTALL)
    assert len(short.splitlines()) <= 14
    shutil.copy(ROOT / "examples" / "aggregated.py", tmp_path)
    long = (ROOT / "examples" / "consumer.py").read_text()
    assert all("time.sleep(1)" in code for code in (short, long))
    return {name: code.replace("sleep(1)", "sleep(0.1)") for name, code in (("short", short), ("long", long))}


def printed(consumer: str, emulator: Emulator, stream: str, folder: Path) -> Generator[str]:
    """The lines of a consumer of this stream, as they come. It ends with the generator, or after 60 s."""
    running = subprocess.Popen(
        [sys.executable, "-u", "-c", consumer.replace("ride_predictions", stream), stream],
        stdout=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=os.environ | emulator.environment(),
    )
    assert running.stdout is not None
    patience = threading.Timer(60, running.kill)
    patience.start()
    try:
        with running.stdout:
            yield from map(str.strip, running.stdout)
    finally:
        patience.cancel()
        running.kill()
        running.wait()


def put(emulator: Emulator, stream: str, *numbers: int) -> None:
    """Predictions of these numbers, on five keys."""
    kinesis = emulator.client("kinesis")
    for number in numbers:
        kinesis.put_record(StreamName=stream, Data=made_of(number), PartitionKey=str(number % 5))


@pytest.mark.parametrize("name", ["short", "long"])
def test_a_consumer_drops_duplicates_and_keeps_order_while_the_stream_is_split_and_merged(
    emulator: Emulator, consumers: dict[str, str], tmp_path: Path, name: str
) -> None:
    stream, kinesis = f"ride_predictions-{name}", emulator.client("kinesis")
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    put(emulator, stream, *range(10), *range(3))
    reading = printed(consumers[name], emulator, stream, tmp_path)
    lines = [next(reading) for _ in range(5)]
    shard = [f"shardId-{number:012}" for number in range(6)]
    half = str(2**127)
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard[0], NewStartingHashKey=half)
    put(emulator, stream, *range(10, 20), *range(3))
    kinesis.merge_shards(StreamName=stream, ShardToMerge=shard[1], AdjacentShardToMerge=shard[2])
    put(emulator, stream, *range(20, 30), *range(3))
    lines += [next(reading) for _ in range(25)]
    kinesis.split_shard(StreamName=stream, ShardToSplit=shard[3], NewStartingHashKey=half)
    put(emulator, stream, *range(30, 40), *range(3), 40)
    lines += [next(reading) for _ in range(11)]
    reading.close()
    assert sorted(lines) == sorted(f"{number} {number + 0.5} []" for number in range(41))
    for key in range(5):
        of_key = [number for number in (int(line.split()[0]) for line in lines) if number % 5 == key]
        assert of_key == sorted(of_key)


def test_the_longer_consumer_takes_aggregated_predictions_apart_and_outlives_its_iterators(
    consumers: dict[str, str], tmp_path: Path
) -> None:
    with Emulator(iterator_seconds=0.3) as forgetful:
        kinesis = forgetful.client("kinesis")
        kinesis.create_stream(StreamName="aggregated", ShardCount=1)
        kinesis.put_record(
            StreamName="aggregated",
            Data=aggregated([("k", made_of(number), None) for number in (1, 2, 1)]),
            PartitionKey="k",
        )
        slow = consumers["long"].replace("sleep(0.1)", "sleep(0.5)")
        reading = printed(slow, forgetful, "aggregated", tmp_path)
        lines = [next(reading) for _ in range(2)]
        put(forgetful, "aggregated", 3)
        lines.append(next(reading))
        reading.close()
    assert lines == ["1 1.5 []", "2 2.5 []", "3 3.5 []"]


LOGGED = {
    "linear": Ridge,
    "scaled": lambda: make_pipeline(StandardScaler(), HuberRegressor()),
    "tree": DecisionTreeRegressor,
    "forest": lambda: RandomForestRegressor(2),
    "boosting": lambda: GradientBoostingRegressor(n_estimators=2),
    "histograms": lambda: HistGradientBoostingRegressor(max_iter=2),
    "categories": lambda: HistGradientBoostingRegressor(max_iter=2, categorical_features=[5]),
    "tweedie": lambda: TweedieRegressor(power=0),
    "several": lambda: VotingRegressor([("one", Ridge()), ("other", ExtraTreesRegressor(2))]),
    "binned": lambda: make_pipeline(KBinsDiscretizer(3), Ridge()),
}


@pytest.mark.parametrize("name", LOGGED)
def test_a_model_logged_as_shown_is_served(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Saved by the same arguments, for tracking adds nothing to what is served."""
    [shown] = re.findall(r"```python\n( *mlflow\.sklearn\.log_model\(.*?)```", README, re.DOTALL)
    block = np.random.default_rng(0).random((80, len(task.columns))) * 7 // 1
    pipeline = LOGGED[name]().fit(block, block[:, 3])

    def log_model(model: Any, name: str, **given: Any) -> None:
        mlflow.sklearn.save_model(model, str(tmp_path / name), pip_requirements=["scikit-learn"], **given)

    sklearn = SimpleNamespace(log_model=log_model)
    names = {"pipeline": pipeline, "X": block, "y": block[:, 3], "task": task, "skops": skops}
    names["mlflow"] = SimpleNamespace(sklearn=sklearn, models=mlflow.models)
    exec(textwrap.dedent(shown), names)  # noqa: S102 - the README's own
    model = artifact.load(tmp_path / "model")
    artifact.check(model, task.columns, task.dict_keys)
    ModelService(model, task, "v").prove()
    assert np.array_equal(model.predict(block), pipeline.predict(block))


def made_of(number: int) -> bytes:
    made = {
        "prediction": {"ride_id": number, "ride_duration": number + 0.5},
        "source_event_id": f"shardId-000000000000:{number}",
        "flags": [],
    }
    return json.dumps(made).encode()


def test_the_event_shown_is_the_task_s_example() -> None:
    [shown] = re.findall(r'```json\n(\{"ride_id".*?)```', README, re.DOTALL)
    assert task.decode(shown.encode()) == task.example


def test_the_prediction_shown_has_the_fields_that_are_made() -> None:
    from doubles import FakeModel

    from threeways.scoring.outcomes import Scored

    [shown] = re.findall(r'```json\n(\{"model".*?)```', README, re.DOTALL)
    import msgspec

    made = ModelService(FakeModel(), task, "v").prediction(Scored(256, 21.3, ()), "s:1")
    assert json.loads(shown).keys() == msgspec.to_builtins(made).keys()


def test_every_environment_variable_is_named() -> None:
    pages = README + (ROOT / "docs" / "web.md").read_text()
    for kind in (Settings, TrainingSettings, WebSettings):
        for name in kind.__struct_fields__:
            assert f"`{name.upper()}`" in pages


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    pages = [README, *(page.read_text() for page in (ROOT / "docs").glob("*.md"))]
    named = {
        name for page in pages for name in re.findall(r"`make ([a-z-]+)|^make ([a-z-]+)", page, re.MULTILINE)
    }
    assert {one or other for one, other in named} <= targets
