"""A catalogue: what its model knows, what is left out, how it is judged, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from threeways.errors import DataError
from threeways.systems.moderation import catalogue
from threeways.systems.moderation.copyright import label_of, task
from threeways.systems.moderation.generator import catalogue as generated
from threeways.training.examples import Fitted
from threeways.training.train import train

ONE, OTHER, SHARED, BLACK = "aca29c1c33dc23d7", "0f1e2d3c4b5a6978", "ffd8e0c0c0e0f0f8", "8000000000000000"
WORKS = [
    {"name": "Golden Harbour", "frames": [ONE, SHARED, ONE]},
    {"name": "Night", "frames": [SHARED, OTHER]},
]


def silent(_line: str) -> None:
    pass


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "UPLOADS", 1_000)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., str]:
    def write(*lines: Any) -> str:
        path = tmp_path / "catalogue.jsonl"
        path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
        return str(path)

    return write


@pytest.mark.usefixtures("few")
def test_the_model_knows_each_frame_and_tells_uploads_that_copy() -> None:
    training, judging = catalogue.load(task, None, None, silent)
    model = Fitted(catalogue.fit(task, training))
    assert catalogue.measured(task, model, training).values == {"found": 1.0}
    values = catalogue.measured(task, model, judging).values
    assert values["precision"] > 0.97
    assert values["recall"] > 0.85
    assert values["auc"] > 0.98
    assert values["ece"] < 0.03
    plain = Fitted(catalogue.fit_baseline(task, training))
    assert catalogue.measured(task, plain, judging).values["auc"] < 0.7
    assert len(plain.model.classes_) == len(generated())


@pytest.mark.usefixtures("few")
def test_frames_of_one_colour_and_of_several_works_are_left_out(written: Callable[..., str]) -> None:
    path = written(*WORKS, "", {"name": "Dark", "frames": [BLACK, "f" * 16]})
    training, _ = catalogue.load(task, path, None, silent)
    assert training.target.tolist() == [label_of(ONE, "Golden Harbour"), label_of(OTHER, "Night")]
    assert (training.raw, training.dropped) == (6, {"of one colour": 2, "in several works": 2})


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2 is no work"),
        ({"name": "", "frames": [ONE]}, r"line 2 is no work .*\$.name"),
        ({"name": "a", "frames": ["zz"]}, r"line 2 is no work .*\$.frames\[0\].*16 hexadecimal digits"),
        ({"frames": [ONE]}, "line 2 is no work .*`name`"),
    ],
)
def test_a_line_that_is_no_work_is_told(written: Callable[..., str], line: Any, why: str) -> None:
    with pytest.raises(DataError, match=f"DATA: {why}"):
        catalogue.load(task, written(WORKS[0], line), None, silent)


def test_a_catalogue_without_a_frame_of_its_own_and_other_uploads_are_refused(
    written: Callable[..., str],
) -> None:
    with pytest.raises(DataError, match="has no frame that tells a work from others"):
        catalogue.load(task, written({"name": "Dark", "frames": [BLACK]}), None, silent)
    with pytest.raises(DataError, match="has no frame that tells"):
        catalogue.load(task, written(), None, silent)
    with pytest.raises(DataError, match="VALIDATION: a catalogue is judged on generated uploads"):
        catalogue.load(task, None, "more.jsonl", silent)
    with pytest.raises(DataError, match=r"DATA: there is no file nowhere\.jsonl"):
        catalogue.load(task, "nowhere.jsonl", None, silent)


@pytest.mark.exhaustive
def test_a_training_registers_the_model_and_adds_its_figures_to_those_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "last-moderation-train.json"
    file.write_text('{"nsfw": {"titles.csv": {"auc": 0.8}}}')
    report = train(console=Console(quiet=True), folder=tmp_path, task="copyright")
    told = json.loads(file.read_text())
    assert told["nsfw"] == {"titles.csv": {"auc": 0.8}}
    assert told["copyright"]["a generated catalogue"]["auc"] > 0.98
    assert report.model.uri == "models:/copyright/1"
