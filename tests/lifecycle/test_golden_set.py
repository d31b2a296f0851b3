"""The golden set: made in training, checked by whatever serves, and hostile in an artifact of anybody's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import payments_lab
import pytest
import skops.io
from doubles import FakeModel
from follow_lab import constant
from other_tasks import UPLOADS
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier
from small_training import Training
from test_groups import TASK as PARCELS
from test_ranking import service as ranking

from threeways import artifact, bootstrap
from threeways.errors import ArtifactError, ArtifactIncomplete, ArtifactMismatch
from threeways.lifecycle import golden as lifecycle
from threeways.scoring import golden, tasks
from threeways.scoring.golden import checking, examples
from threeways.scoring.golden.format import Example, GoldenSet
from threeways.scoring.outcomes import Scored, ScoredEvent
from threeways.scoring.service import ModelService
from threeways.settings import Runtime, Settings

RUNTIMES: list[Runtime] = ["onnx", "sklearn"]


@pytest.fixture
def copy(training: Training, tmp_path: Path) -> Path:
    """The trained artifact, to be damaged."""
    return Path(shutil.copytree(training.report.model.folder, tmp_path / "model"))


def pinned(folder: Path, runtime: Runtime | None = None, **given: Any) -> ModelService[Any]:
    settings = Settings(model_sha256=artifact.digest(folder), model_runtime=runtime, **given)
    return bootstrap.service_of(folder, settings)


def edited(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads((folder / golden.NAME).read_bytes())
    change(content)
    (folder / golden.NAME).write_text(json.dumps(content))


def moved(by: float, places: slice = slice(0, 1)) -> Callable[[dict[str, Any]], None]:
    """Move the values of some examples."""

    def change(content: dict[str, Any]) -> None:
        for one in [one for one in content["examples"] if "value" in one][places]:
            one["value"] += by

    return change


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_training_s_golden_set_is_checked_by_both_runtimes(training: Training, runtime: Runtime) -> None:
    service = pinned(training.report.model.folder, runtime)
    assert service.golden == golden.MOST
    assert service.runtime == runtime


def test_it_holds_refusals_flags_missing_values_and_both_sides_of_thresholds(training: Training) -> None:
    found = golden.read(training.report.model.folder)
    assert found
    reasons = {one.refused for one in found.examples}
    assert reasons == {None, "invalid_event", "undecodable"}
    assert {flag for one in found.examples for flag in one.flags} == {
        "unknown_zone",
        "assumed_pickup_datetime",
    }
    rides = [(json.loads(one.event)["ride"], one.value) for one in found.examples if one.refused is None]
    sides = 0
    for one, value in rides:
        miles = one.get("trip_distance")
        sides += any(
            value != other_value
            and one | {"trip_distance": 0} == other | {"trip_distance": 0}
            and abs(miles - other["trip_distance"]) <= 1e-8 * miles
            for other, other_value in rides
        )
    assert sides >= 20  # that is ten thresholds


def changed_threshold(estimator: Any) -> None:
    tree = estimator.steps[-1][1]._predictors[0][0]
    tree.nodes["num_threshold"][0] *= 1.5


def another_model(estimator: Any) -> None:
    estimator.steps[-1][1]._baseline_prediction += 0.01


@pytest.mark.parametrize("change", [changed_threshold, another_model])
def test_an_altered_model_of_the_same_signature_is_found(copy: Path, change: Callable[[Any], None]) -> None:
    estimator = artifact.load(copy, runtime="sklearn").estimator
    change(estimator)
    skops.io.dump(estimator, copy / "model.skops")
    with pytest.raises(ArtifactMismatch, match=r"\d+ of the 200 examples") as refused:
        bootstrap.service_of(copy, Settings(model_runtime="sklearn"))
    assert "the file at fault is model.skops or golden.json" in str(refused.value)
    assert "upload the whole artifact again" in str(refused.value)
    assert bootstrap.service_of(copy, Settings(model_runtime="onnx")).golden == golden.MOST


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_difference_of_rounding_is_none_and_a_larger_one_names_the_first_example(
    copy: Path, runtime: Runtime
) -> None:
    edited(copy, moved(1e-12, slice(None)))
    assert pinned(copy, runtime).golden == golden.MOST
    edited(copy, moved(1e-6, slice(3, 5)))
    first = json.loads((copy / golden.NAME).read_bytes())["examples"][3]["event"]
    with pytest.raises(ArtifactMismatch, match="2 of the 200 examples") as refused:
        pinned(copy, runtime)
    assert first in str(refused.value)
    assert "the code that makes the events' features is likely at fault" in str(refused.value)


def other_numpy(content: dict[str, Any]) -> None:
    content["made"]["libraries"]["numpy"] = "1.0"


def other_machine(content: dict[str, Any]) -> None:
    content["made"]["machine"] = "a64"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (other_numpy, "the libraries at fault are likely numpy"),
        (other_machine, "the machine is likely at fault"),
    ],
)
def test_a_library_or_a_machine_is_named_that_is_another(
    copy: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    edited(copy, change)
    assert pinned(copy).golden  # by itself it is no fault
    edited(copy, moved(1.0))
    with pytest.raises(ArtifactMismatch, match=named):
        pinned(copy)


def test_a_refusal_that_is_none_any_more_is_a_difference(copy: Path) -> None:
    def accepted(content: dict[str, Any]) -> None:
        one = content["examples"][0]
        del one["value"]
        one["refused"] = "invalid_event"

    edited(copy, accepted)
    with pytest.raises(ArtifactMismatch, match=r"1 of the 200 .* instead of refused as invalid_event"):
        pinned(copy)


HOSTILE: dict[str, Callable[[bytes], bytes]] = {
    "truncated": lambda content: content[:1000],
    "huge": lambda content: content + b" " * 2**20,
    "NaN": lambda content: content.replace(b'"value": ', b'"value": NaN, "was": ', 1),
    "beyond floats": lambda content: content.replace(b'"value": ', b'"value": 1e999, "was": ', 1),
    "nested": lambda content: content.replace(b'"value": ', b'"value": ' + b"[" * 20_000 + b", ", 1),
    "deep": lambda content: content.replace(
        b'"value": ', b'"value": ' + b"[" * 9_000 + b"]" * 9_000 + b', "x":', 1
    ),
    "a list": lambda _: b"[]",
    "not text": lambda _: b"\xff\xfe",
    "without examples": lambda content: content[: content.index(b'"examples"')] + b'"examples": []}',
    "of refusals": lambda content: (
        content[: content.index(b'"examples"')] + b'"examples": [{"event": "", "refused": "undecodable"}]}'
    ),
    "many": lambda content: (
        content[: content.rindex(b"]")] + b', {"event": "", "refused": "undecodable"}' * 9 + b"]}"
    ),
    "another format": lambda content: content.replace(b"{", b'{"format": 2,', 1),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_damaged_golden_set_is_refused_in_one_line(copy: Path, name: str) -> None:
    path = copy / golden.NAME
    path.write_bytes(HOSTILE[name](path.read_bytes()))
    with pytest.raises(ArtifactIncomplete, match=r"golden\.json is no golden set: .*; upload") as refused:
        bootstrap.service_of(copy, Settings(model_runtime="onnx"))
    assert len(str(refused.value)) < 600


def test_the_paths_in_a_golden_set_lead_nowhere(copy: Path) -> None:
    def elsewhere(content: dict[str, Any]) -> None:
        content["made"]["files"] = {"../../../../../../dev/zero": "0" * 64, "/dev/zero": "0" * 64}
        content["examples"][0]["value"] = 0

    edited(copy, elsewhere)
    with pytest.raises(ArtifactMismatch, match="1 of the 200") as refused:
        pinned(copy)
    assert "zero" not in str(refused.value)


def test_another_model_s_golden_set_is_found(copy: Path) -> None:
    edited(copy, moved(2.0, slice(None)))  # as of a model that is two minutes slower
    edited(copy, lambda content: content["made"]["files"].update({"model.onnx": "0" * 64}))
    with pytest.raises(ArtifactMismatch, match=r"the set was made with another model\.onnx"):
        bootstrap.service_of(copy, Settings(model_runtime="onnx"))


def test_a_pinned_artifact_s_digest_covers_it(copy: Path) -> None:
    settings = Settings(model_sha256=artifact.digest(copy), model_runtime="onnx")
    (copy / golden.NAME).write_bytes((copy / golden.NAME).read_bytes() + b"\n")
    with pytest.raises(ArtifactMismatch, match="is not the artifact that was pinned"):
        bootstrap.service_of(copy, settings)
    service = bootstrap.service_of(copy, Settings(model_runtime="onnx"))
    with pytest.raises(ArtifactMismatch, match="has changed since MODEL_SHA256 was verified"):
        golden.check(service, copy, {golden.NAME: "0" * 64})


def test_an_upload_without_it_is_half_an_upload_and_an_older_artifact_is_served(copy: Path) -> None:
    (copy / golden.NAME).unlink()
    with pytest.raises(ArtifactIncomplete, match=r"half-uploaded: its MLmodel names golden\.json"):
        pinned(copy)
    text = (copy / "MLmodel").read_text()
    (copy / "MLmodel").write_text(text.replace("  golden: golden.json\n", ""))
    service = pinned(copy)
    assert service.golden == 0
    assert "none that is checked" in golden.told(service.golden)


def test_checking_asks_the_model_once_and_its_example_no_more(copy: Path) -> None:
    service = pinned(copy, "onnx")
    calls: list[int] = []

    class Counted(FakeModel):
        def predict(self, block: Any) -> Any:
            calls.append(len(block))
            return service.model.predict(block)

    counted: Any = Counted()
    golden.prove(ModelService(counted, tasks.find("ride_duration"), "v1"), copy)
    assert len(calls) == 1
    assert 150 < calls[0] <= golden.MOST


def test_events_of_another_task_are_not_scored_and_that_is_logged(
    copy: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = ModelService(FakeModel(), tasks.find("ride_tip"), "v1")
    assert golden.check(service, copy) == 0
    assert "is not checked: its events are those of ride_duration" in caplog.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"task": "ride_tip"}, "its events are those of ride_tip, and the MLmodel's task is ride_duration"),
        ({"task": None}, "its events are those of a signature, and the MLmodel's task is ride_duration"),
        ({"id": "zzz"}, 'its events are said to have their id in "zzz"'),
        ({"id": ""}, 'its events are said to have their id in ""'),
    ],
)
def test_a_set_that_contradicts_its_artifact_is_refused(
    copy: Path, change: dict[str, Any], told: str
) -> None:
    edited(copy, lambda content: content.update(change))
    with pytest.raises(ArtifactMismatch, match=rf"golden\.json: {told}.*; upload the artifact again"):
        pinned(copy)


def test_a_set_of_events_with_another_id_is_checked_under_the_id_that_the_user_names(tmp_path: Path) -> None:
    folder = constant(tmp_path / "one", 10.0, skops=True)
    assert lifecycle.add(folder, Settings())
    assert pinned(folder, event_id="own").golden == pinned(folder).golden > 0


def made(service: ModelService[Any], seeds: list[bytes]) -> GoldenSet:
    found = examples.make(service, Path(), seeds)
    assert found
    again = msgspec.json.decode(msgspec.json.encode(found), type=GoldenSet)  # as it is read
    assert checking.difference(service, again, [one.event.encode() for one in again.examples]) == ""
    return again


def test_an_example_whose_answer_hangs_on_rounding_is_left_out() -> None:
    class Step(FakeModel):
        def predict(self, features: Any) -> Any:
            return np.where(features[:, 3] > 3.66, 10.0, 20.0)  # the task's example is at the step

    service = ModelService(Step(), tasks.find("ride_duration"), "v1")
    miles = [
        json.loads(one.event)["ride"]["trip_distance"] for one in made(service, []).examples if one.value
    ]
    assert 3.66 not in miles
    assert min(abs(one - 3.66) for one in miles) < 1e-7


def test_a_model_whose_answers_are_never_the_same_gets_none(tmp_path: Path) -> None:
    class Noise(FakeModel):
        def predict(self, features: Any) -> Any:
            return np.random.default_rng().random(len(features))

    service = ModelService(Noise(), tasks.find("ride_duration"), "v1")
    assert examples.write(service, tmp_path) == 0
    assert not list(tmp_path.iterdir())


def test_of_several_rows_an_event_and_of_rankings_the_answers_are_compared() -> None:
    class Parcels(FakeModel):
        def predict(self, features: Any) -> Any:
            return features.sum(axis=1)

    upload = [
        b'{"upload_id": %d, "size": %d.5, "kind": "video", "tags": ["a"]}' % (at, at) for at in range(50)
    ]
    ranked = made(ranking(), upload)
    first = next(one for one in ranked.examples if one.value)
    assert [one["name"] for one in first.value]
    assert not checking.same(first, msgspec.structs.replace(first, value=first.value[::-1]))
    grouped = made(ModelService(Parcels(), PARCELS, "v1"), [])
    assert {len(one.value) for one in grouped.examples if one.refused is None} == {2}


def test_foreign_classes_texts_and_trees_get_one_that_is_within_bounds(tmp_path: Path) -> None:
    texts = [f"word{at % 7} " * 9_000 for at in range(200)]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, [at % 2 for at in range(200)])
    import pandas as pd

    frame = pd.DataFrame({"text": texts})
    model_folder = payments_lab.logged(
        tmp_path / "texts",
        model,
        frame["text"].to_numpy(),
        "predict_proba",
        input_example=frame["text"][:60].to_numpy(),
    )
    trees = make_pipeline(payments_lab.COLUMNS, DecisionTreeClassifier(max_depth=4)).fit(
        payments_lab.PAYMENTS, payments_lab.KINDS
    )
    tree_folder = payments_lab.logged(
        tmp_path / "trees", trees, payments_lab.PAYMENTS, input_example=payments_lab.PAYMENTS[:60]
    )
    for folder, least in ((model_folder, 5), (tree_folder, 100)):
        settings = Settings(model_sha256=artifact.digest(folder))
        assert bootstrap.service_of(folder, settings).golden == 0
        count = lifecycle.add(folder, settings)
        assert count >= least
        assert (folder / golden.NAME).stat().st_size < 2**20
        service = pinned(folder, event_id="order_id", model_name="another-name")
        assert service.golden == count  # also where ID= names another field
        assert lifecycle.add(folder, Settings(model_sha256=artifact.digest(folder))) == count
    found = golden.read(tree_folder)
    assert found
    assert "unseen_category" in {flag for one in found.examples for flag in one.flags}


def test_labels_are_equal_and_probabilities_are_near() -> None:
    one = Example("{}", ("ok", {"ok": 0.75, "fraud": 0.25}))
    near = Example("{}", ["ok", {"ok": 0.75 + 1e-10, "fraud": 0.25}])
    assert checking.same(one, near)
    assert not checking.same(one, msgspec.structs.replace(one, value=("fraud", one.value[1])))
    assert not checking.same(one, msgspec.structs.replace(one, value=("ok", {"ok": 0.75})))
    assert not checking.same(one, msgspec.structs.replace(one, flags=("unseen_category",)))
    for value, other in ((1, True), ("1", 1), (None, 0.0), (3, 4), ([1], [1, 2]), (float("nan"), 1.0)):
        assert not checking.same(Example("{}", value), Example("{}", other))
    assert checking.same(Example("{}", 1e9), Example("{}", 1e9 + 0.5))


def test_every_error_is_an_artifact_s(copy: Path) -> None:
    class Broken(FakeModel):
        def predict(self, features: Any) -> Any:
            return features[:, 3]

    service = ModelService(Broken(), replace(tasks.find("ride_duration"), features=UPLOADS.features), "v1")
    with pytest.raises(ArtifactError, match="the events of its golden set cannot be scored"):
        golden.check(service, copy)


def test_the_terms_of_answers_are_not_told_for_it(tmp_path: Path) -> None:
    model = make_pipeline(payments_lab.COLUMNS, LogisticRegression()).fit(
        payments_lab.PAYMENTS, payments_lab.KINDS
    )
    folder = payments_lab.logged(
        tmp_path / "model", model, payments_lab.PAYMENTS, "predict_proba", metadata={"because": 2}
    )
    service = pinned(folder)
    payload = [msgspec.json.encode(service.task.example)]
    told, plain = (one.score(payload, [examples.ARRIVED])[0] for one in (service, service.plain()))
    assert isinstance(told, ScoredEvent)
    assert told.because
    assert type(plain) is Scored
    assert plain.value == told.value
    assert lifecycle.add(folder, Settings(model_sha256=artifact.digest(folder))) > 20
    assert pinned(folder).golden
