"""Copies of a catalogue's works: found by their frames, named, scored, and judged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pytest
from mlflow.models import infer_signature
from mlflow.sklearn import save_model
from web_lab import serving

from threeways.bootstrap import service_of
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.systems.moderation import catalogue
from threeways.systems.moderation.copyright import MOST_BITS, SURE, bits_of, hashes_of, label_of, task
from threeways.systems.moderation.generator import Work, flipped, uploads
from threeways.systems.moderation.generator import catalogue as generated

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKS = generated()[:60]


def service(folder: Path, works: Sequence[Work]) -> ModelService[Any]:
    """The service of an artifact of the contract: skops, no pickle."""
    examples = catalogue.frames_of(works, catalogue.Source("works", len(works), "0" * 64))
    model = catalogue.fit(task, examples)
    some = examples.block[:3]
    save_model(
        model, str(folder), serialization_format="skops", pip_requirements=["scikit-learn"],
        signature=infer_signature(some, model.predict(some)),
        metadata={"task": task.name, "features": list(task.columns)},
    )  # fmt: skip
    return service_of(folder, Settings())


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> ModelService[Any]:
    return service(tmp_path_factory.mktemp("copyright") / "model", WORKS)


def verdict(served: ModelService[Any], *frames: str) -> dict[str, Any]:
    """What the message says of an upload with these frames."""
    upload = {"upload_id": "u1", "user_id": "user-1", "title": "a film", "frames": frames}
    scored: Any = served.score([msgspec.json.encode(upload)], [NOW])
    [message] = served.messages(scored, ["e1"])
    told: dict[str, Any] = json.loads(message)
    assert (told["model"], told["prediction"].pop("upload_id")) == ("copyright", "u1")
    return dict(told["prediction"])


def test_a_frame_that_is_equal_names_its_work(served: ModelService[Any]) -> None:
    work = WORKS[7]
    found = {"work": work.name, "distance": 0, "matched_frames": 1, "score": SURE}
    assert verdict(served, work.frames[3]) == found


def test_the_distance_is_the_number_of_bits_that_differ(served: ModelService[Any]) -> None:
    random = Random(1)
    for bits in range(MOST_BITS + 2):
        told = verdict(served, flipped(random, WORKS[5].frames[0], bits))
        assert (told["work"], told["distance"]) == (WORKS[5].name, bits)
        assert told["matched_frames"] == int(bits <= MOST_BITS)
        assert told["score"] == pytest.approx(SURE * max(0, 1 - (bits / (MOST_BITS + 1)) ** 2))


def test_the_answers_are_those_of_counting_bits(served: ModelService[Any]) -> None:
    known = hashes_of([frame for work in WORKS for frame in work.frames])
    some = [one.upload for one in uploads(200, seed=5) if one.upload.frames]
    scored = served.score_events(some, [NOW] * len(some))
    for upload, one in zip(some, scored, strict=True):
        assert not isinstance(one, Exception)
        apart = np.bitwise_count(hashes_of(upload.frames)[:, None] ^ known)
        work, distance, matched, _ = one.value
        if matched:
            of_work = hashes_of(next(other.frames for other in WORKS if other.name == work))
            near = np.bitwise_count(hashes_of(upload.frames)[:, None] ^ of_work).min(axis=1)
            assert (distance, matched) == (near.min(), np.count_nonzero(near <= MOST_BITS))
        else:
            assert distance == apart.min() > MOST_BITS


def test_more_frames_of_a_work_raise_the_score_and_strange_ones_do_not_lower_it(
    served: ModelService[Any],
) -> None:
    work, strange = WORKS[0], "0123456789abcdef"
    scores = [verdict(served, *work.frames[:count], strange)["score"] for count in range(1, 5)]
    assert scores == sorted(scores)
    assert scores[1] == pytest.approx(1 - (1 - SURE) ** 2)
    assert verdict(served, strange, *work.frames[:2], strange)["matched_frames"] == 2


def test_the_work_that_most_frames_match_is_named_and_of_several_the_nearest(
    served: ModelService[Any],
) -> None:
    one, other, random = WORKS[1], WORKS[2], Random(2)
    near = flipped(random, other.frames[0], 2)
    assert verdict(served, one.frames[0], one.frames[1], other.frames[0])["work"] == one.name
    assert verdict(served, near, one.frames[1])["work"] == one.name
    assert verdict(served, flipped(random, one.frames[1], 3), near)["work"] == other.name


def test_an_upload_without_frames_gets_a_verdict(served: ModelService[Any]) -> None:
    nothing = {"work": "", "distance": 64, "matched_frames": 0, "score": 0.0}
    assert verdict(served) == nothing


def test_uploads_with_and_without_frames_share_a_batch(served: ModelService[Any]) -> None:
    made = [one.upload for one in uploads(120, seed=6)]
    assert any(not one.frames for one in made)
    alone: list[Any] = [served.score_events([one], [NOW])[0] for one in made]
    assert served.score_events(made, [NOW] * len(made)) == alone


def test_a_hash_that_is_none_is_refused_with_its_place(served: ModelService[Any]) -> None:
    [fault] = served.score([b'{"upload_id": 1, "user_id": "a", "title": "", "frames": ["00", "zz"]}'], [NOW])
    assert "$.frames[0]" in str(fault)


def test_the_web_service_answers_uploads_and_on_mlflow_s_path_rows_of_the_model(
    served: ModelService[Any],
) -> None:
    work = WORKS[3]
    upload = {"upload_id": 5, "user_id": "user-1", "title": "", "frames": [work.frames[1]]}
    with serving(served) as client:
        told = client.post("/predict", json=upload).json()
        assert told["prediction"]["work"] == work.name
        bits = bits_of(hashes_of(work.frames)).tolist()
        answer = client.post("/invocations", json={"inputs": bits}).json()
        assert answer == {"predictions": [label_of(frame, work.name) for frame in work.frames]}


def test_a_thousand_frames_are_one_event(served: ModelService[Any]) -> None:
    random = Random(3)
    frames = [f"{random.getrandbits(64):016x}" for _ in range(999)]
    assert verdict(served, *frames, WORKS[9].frames[0])["work"] == WORKS[9].name
