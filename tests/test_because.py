"""The terms that a linear model's prediction is the sum of, told in words with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow.sklearn
import msgspec
import numpy as np
import pandas as pd
import pytest
from batch_lab import kept, scored, table
from batch_lab import rows as table_rows
from doubles import NOW, FakeKinesis, FakeModel, kinesis_event, ride
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor
from test_stream_handler import ListQuarantine
from web_lab import serving

from threeways import bootstrap
from threeways.errors import ArtifactMismatch, ArtifactUnsupported, SettingsError
from threeways.scoring import Message
from threeways.scoring.outcomes import ScoredEvent
from threeways.scoring.service import ModelService
from threeways.settings import Settings
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler
from threeways.systems.taxi.duration import task as duration

RNG = np.random.default_rng(1)
FRAME = pd.DataFrame(
    {
        "amount": RNG.normal(size=200),
        "age": np.where(RNG.random(200) < 0.2, np.nan, RNG.normal(size=200)),
        "country": RNG.choice(["de", "fr", "us"], 200),
        "note": RNG.choice(["win a prize", "your invoice", "prize invoice", "hello"], 200),
    }
)
NUMBER = FRAME["amount"] * 2 + FRAME["country"].eq("us") + FRAME["note"].str.contains("prize")
KIND = np.where(NUMBER > 1, "fraud", "ok")
THREE = np.where(NUMBER > 1, "high", np.where(NUMBER > 0, "middle", "low"))


def columns() -> Any:
    return make_column_transformer(
        (StandardScaler(), ["amount"]),
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
        (TfidfVectorizer(), "note"),
    )


def saved(model: Any, folder: Path, frame: Any = FRAME, because: Any = 3, **more: Any) -> Path:
    answer = getattr(model, more.get("pyfunc_predict_fn", "predict"))(frame)
    mlflow.sklearn.save_model(
        model, str(folder), signature=infer_signature(frame, answer),
        serialization_format="cloudpickle", pip_requirements=["scikit-learn"],
        input_example=frame.head(3) if isinstance(frame, pd.DataFrame) else None,
        metadata={"id": "key"} | ({} if because is None else {"because": because}), **more,
    )  # fmt: skip
    return folder


def service(folder: Path) -> ModelService[Any]:
    from threeways import artifact

    return bootstrap.service_of(folder, Settings(model_sha256=artifact.digest(folder)))


def payloads(frame: pd.DataFrame, count: int = 200) -> list[bytes]:
    lines = frame.head(count).to_dict("records")
    return [
        json.dumps({"key": n} | {name: None if one != one else one for name, one in line.items()}).encode()
        for n, line in enumerate(lines)
    ]


MODELS = {
    "regressor": (make_pipeline(columns(), Ridge()), NUMBER, {}),
    "binary": (make_pipeline(columns(), LogisticRegression()), KIND, {"pyfunc_predict_fn": "predict_proba"}),
    "binary labels": (make_pipeline(columns(), LinearSVC()), KIND, {}),
    "several classes": (make_pipeline(columns(), LogisticRegression()), THREE, {}),
    "scaled": (make_pipeline(columns(), StandardScaler(with_mean=False), RidgeClassifier()), THREE, {}),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_all_terms_and_the_intercept_sum_to_the_score_of_what_is_predicted(tmp_path: Path, name: str) -> None:
    model, target, more = MODELS[name]
    folder = saved(model.fit(FRAME, target), tmp_path / "model", because=100, **more)
    made = service(folder)
    outcomes = made.score(payloads(FRAME), [NOW] * len(FRAME))
    steps = model[:-1], model[-1]
    if "regressor" in name:
        scores, base = model.predict(FRAME), np.full(len(FRAME), steps[1].intercept_)
    else:
        decisions = model.decision_function(FRAME)
        told = model.predict(FRAME)
        places = np.searchsorted(model.classes_, told)
        if decisions.ndim == 1:
            sign = np.where(places == 1, 1.0, -1.0)
            scores, base = decisions * sign, steps[1].intercept_[0] * sign
        else:
            scores, base = decisions[np.arange(len(FRAME)), places], steps[1].intercept_[places]
    for outcome, score, intercept in zip(outcomes, scores, base, strict=True):
        assert isinstance(outcome, ScoredEvent)
        assert outcome.because is not None
        total = sum(term.contribution for term in outcome.because) + intercept
        assert total == pytest.approx(score, rel=1e-12, abs=1e-12)
        sizes = [abs(term.contribution) for term in outcome.because]
        assert sizes == sorted(sizes, reverse=True)


def test_a_message_has_the_largest_terms_by_the_event_s_own_fields_and_words(tmp_path: Path) -> None:
    model = make_pipeline(columns(), LogisticRegression()).fit(FRAME, KIND)
    made = service(saved(model, tmp_path / "model", pyfunc_predict_fn="predict_proba"))
    client: Any = FakeKinesis()
    handle = StreamHandler(made, StreamDelivery(client, "predictions"), ListQuarantine())
    event = {"key": 7, "amount": 2.5, "age": None, "country": "us", "note": "win a prize"}
    assert handle(kinesis_event([json.dumps(event).encode()])) == {"batchItemFailures": []}
    message = json.loads(client.stored[0]["Data"])
    assert message["prediction"]["label"] == "fraud"
    assert list(message) == ["model", "version", "prediction", "source_event_id", "flags", "because"]
    told = {(one["feature"], one["value"]): one["contribution"] for one in message["because"]}
    assert next(iter(told)) == ("amount", 2.5)
    assert set(told) == {("amount", 2.5), ("country", "us"), ("note", "prize")}
    weights = dict(zip(model[:-1].get_feature_names_out(), -model[-1].coef_[0], strict=True))
    assert told["country", "us"] == pytest.approx(weights["onehotencoder__country_us"])


def test_terms_of_dicts_are_their_keys_with_the_text_or_the_number(tmp_path: Path) -> None:
    taken = FRAME[["amount", "country"]].to_dict("records")
    model = make_pipeline(DictVectorizer(), LinearRegression()).fit(taken, NUMBER)
    signature = infer_signature(FRAME[["amount", "country"]], NUMBER.to_numpy())
    mlflow.sklearn.save_model(
        model, str(tmp_path / "model"), signature=signature,
        serialization_format="skops", pip_requirements=["scikit-learn"], metadata={"because": 5},
    )  # fmt: skip
    made = bootstrap.service_of(tmp_path / "model", Settings())
    [outcome] = made.score([b'{"id": 1, "amount": 2.5, "country": "us"}'], [NOW])
    assert isinstance(outcome, ScoredEvent)
    assert outcome.because is not None
    told = {(one.feature, one.value): one.contribution for one in outcome.because}
    weights = dict(zip(model[0].feature_names_, model[1].coef_, strict=True))
    assert told == {
        ("amount", 2.5): pytest.approx(2.5 * weights["amount"]),
        ("country", "us"): pytest.approx(weights["country=us"]),
    }


def test_parts_of_words_are_told_as_the_words_that_they_are_in_and_the_sum_stays(tmp_path: Path) -> None:
    transformer = make_column_transformer(
        (TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), strip_accents="unicode"), "note"),
        (TfidfVectorizer(), "note"),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
    )
    model = make_pipeline(transformer, LogisticRegression()).fit(FRAME, KIND)
    folder = saved(model, tmp_path / "model", because=100, pyfunc_predict_fn="predict_proba")
    made = service(folder)
    notes = ["win a Prize, a prize!", "pri\u00e7e\u2003hello", "", "zzz", "Your invoice (prize)"]
    frame = FRAME.head(5).assign(note=notes)
    scores = model.decision_function(frame)
    for outcome, score, note in zip(made.score(payloads(frame, 5), [NOW] * 5), scores, notes, strict=True):
        assert isinstance(outcome, ScoredEvent)
        assert outcome.because is not None
        sign = 1.0 if score > 0 else -1.0
        total = sum(term.contribution for term in outcome.because) + model[-1].intercept_[0] * sign
        assert total == pytest.approx(abs(score), rel=1e-12)
        told = {str(term.value) for term in outcome.because if term.feature == "note"}
        assert told <= {word.strip(",!()").lower() for word in note.split()}, "whole words, each once"
    [first] = made.score(payloads(frame, 1), [NOW])
    assert isinstance(first, ScoredEvent)
    assert first.because is not None
    assert [term.value for term in first.because].count("prize") == 1


NAMED = {
    "mixtures": (make_pipeline(StandardScaler(), PCA(2), Ridge()), ["pca0", "pca1"]),
    "powers and products": (
        make_pipeline(PolynomialFeatures(2, include_bias=False), Ridge()),
        ["a", "b", "a b"],
    ),
    "plain": (Ridge(), ["a", "b"]),
    "a union": (make_pipeline(make_union(StandardScaler(), "passthrough"), Ridge()), ["a", "b"]),
    "codes": (
        make_pipeline(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), Ridge()),
        ["a", "b"],
    ),
}


@pytest.mark.parametrize("name", NAMED)
def test_terms_are_named_by_the_columns_that_they_are_made_of(tmp_path: Path, name: str) -> None:
    model, names = NAMED[name]
    frame = pd.DataFrame({"a": RNG.normal(size=40), "b": RNG.normal(size=40)})
    folder = saved(
        model.fit(frame, frame["a"] * frame["b"] + frame["a"]), tmp_path / "model", frame, because=9
    )
    [outcome] = service(folder).score(payloads(frame, 1), [NOW])
    assert isinstance(outcome, ScoredEvent)
    assert outcome.because is not None
    values = {one.feature: one.value for one in outcome.because}
    assert set(values) <= set(names)
    assert all(values[key] == (frame[key][0] if key in frame else None) for key in values)


REFUSED = {
    "trees": (DecisionTreeRegressor(), "DecisionTreeRegressor is no linear model"),
    "a link function": (PoissonRegressor(), "do not sum to its score"),
    "several outputs": (Ridge(), "several outputs"),
    "no names": (
        make_pipeline(FunctionTransformer(np.abs, validate=True), Ridge()),
        "FunctionTransformer does not tell",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_has_no_terms_is_refused_at_the_start_with_the_mend(tmp_path: Path, name: str) -> None:
    model, said = REFUSED[name]
    frame = pd.DataFrame({"a": RNG.normal(size=40), "b": RNG.normal(size=40)})
    target = frame["a"].abs() if name != "several outputs" else frame
    folder = saved(model.fit(frame, target), tmp_path / "model", frame)
    with pytest.raises(ArtifactUnsupported, match=f"because: .*{said}.*leave `because` out"):
        service(folder)


class Doubled(LogisticRegression):  # type: ignore[misc]
    """A class of one's own that answers otherwise than its scores say."""

    def predict(self, X: Any) -> Any:  # noqa: N803
        return np.array(["ok"] * len(X))


def test_a_class_of_ones_own_that_answers_otherwise_is_refused() -> None:
    from threeways.artifact.answers import Answers
    from threeways.artifact.sklearn.terms import LinearTerms

    block = np.array([[5.0], [-5.0]])
    model = Doubled().fit(block, ["fraud", "ok"])
    terms = LinearTerms(model, Answers(labels=True, classes=("fraud", "ok")), ["a"])
    with pytest.raises(ArtifactUnsupported, match="do not sum to its score"):
        terms.prove(block)


def test_the_onnx_flavour_tells_no_terms_and_says_which_one_does(tmp_path: Path) -> None:
    from threeways.artifact import Model

    made = service(saved(Ridge().fit(FRAME[["amount"]], NUMBER), tmp_path / "model", FRAME[["amount"]]))
    assert isinstance(made.model, Model)
    with pytest.raises(ArtifactUnsupported, match="tells no terms; set MODEL_RUNTIME=sklearn"):
        replace(made.model, runtime="onnx").terms(["amount"])


def test_single_precision_is_near_enough(tmp_path: Path) -> None:
    frame = FRAME[["amount"]].astype(np.float32)
    folder = saved(LinearRegression().fit(frame, NUMBER.astype(np.float32)), tmp_path / "model", frame)
    [outcome] = service(folder).score(payloads(frame.astype(float), 1), [NOW])
    assert isinstance(outcome, ScoredEvent)


def test_a_search_is_told_by_its_best(tmp_path: Path) -> None:
    search = GridSearchCV(make_pipeline(columns(), Ridge()), {"ridge__alpha": [0.1, 1.0]}, cv=2).fit(
        FRAME, NUMBER
    )
    [outcome] = service(saved(search, tmp_path / "model")).score(payloads(FRAME, 1), [NOW])
    assert isinstance(outcome, ScoredEvent)
    assert len(outcome.because or ()) == 3


def test_words_that_a_hash_has_lost_are_refused(tmp_path: Path) -> None:
    frame = FRAME[["note"]]
    model = make_pipeline(make_column_transformer((HashingVectorizer(), "note")), Ridge()).fit(frame, NUMBER)
    with pytest.raises(ArtifactUnsupported, match="HashingVectorizer does not tell the names"):
        service(saved(model, tmp_path / "model", frame))


@pytest.mark.parametrize("because", [-1, 101, "3", True, 2.5])
def test_a_number_of_terms_that_is_none_is_refused(tmp_path: Path, because: Any) -> None:
    frame = FRAME[["amount"]]
    folder = saved(Ridge().fit(frame, NUMBER), tmp_path / "model", frame, because=because)
    with pytest.raises(ArtifactMismatch, match="metadata has because="):
        service(folder)
    with pytest.raises(SettingsError, match="tell 1 to 100 terms"):
        replace(duration, because=-1)


def test_a_model_that_tells_no_terms_is_refused_for_a_task_that_asks() -> None:
    with pytest.raises(ArtifactUnsupported, match="the model tells no terms"):
        ModelService(FakeModel(), replace(duration, because=2), "v1")


def test_a_task_of_ones_own_asks_for_terms_and_its_messages_have_them(tmp_path: Path) -> None:
    from threeways import artifact

    block = RNG.random((50, len(duration.columns)))
    model = LinearRegression().fit(block, block @ np.arange(1.0, 1 + block.shape[1]))
    mlflow.sklearn.save_model(
        model, str(tmp_path / "model"), serialization_format="skops", pip_requirements=["scikit-learn"],
        metadata={"task": "ride_duration", "features": list(duration.columns)},
    )  # fmt: skip

    def one(event: Any, told: Mapping[str, Any]) -> list[Message]:
        return [Message({"minutes": told["ride_duration"]})]

    for make in (None, one):
        task = replace(duration, because=2, messages=make)
        made = ModelService(artifact.load(tmp_path / "model"), task, "v1")
        made.prove()
        client: Any = FakeKinesis()
        handle = StreamHandler(made, StreamDelivery(client, "predictions"), ListQuarantine())
        assert handle(kinesis_event([ride(7), b"junk"])) == {"batchItemFailures": []}
        message = json.loads(client.stored[0]["Data"])
        assert [one["feature"] for one in message["because"]] == ["zone_pair", "minute_of_day"]
        assert ("messages" in message) == (make is not None)


def test_a_task_and_an_artifact_that_differ_about_it_are_refused(tmp_path: Path) -> None:
    block = RNG.random((50, len(duration.columns)))
    mlflow.sklearn.save_model(
        LinearRegression().fit(block, block[:, 0]), str(tmp_path / "model"), serialization_format="skops",
        pip_requirements=["scikit-learn"],
        metadata={"task": "ride_duration", "features": list(duration.columns), "because": 3},
    )  # fmt: skip
    with pytest.raises(
        SettingsError, match=r"has because=3, and TASK=ride_duration has 0; say so in the task"
    ):
        bootstrap.service_of(tmp_path / "model", Settings())


def test_the_web_service_answers_the_terms_and_its_page_shows_them(tmp_path: Path) -> None:
    model = make_pipeline(columns(), LogisticRegression()).fit(FRAME, KIND)
    made = service(saved(model, tmp_path / "model", pyfunc_predict_fn="predict_proba"))
    event = {"key": 7, "amount": 2.5, "age": 1.0, "country": "us", "note": "win a prize"}
    with serving(made) as client:
        body, headers = json.dumps(event), {"Content-Type": "application/json"}
        one = client.post("/predict", content=body, headers=headers).json()
        slow = client.post(
            "/predict", content=body, headers={"Content-Type": "application/json; charset=utf-8"}
        ).json()
        many = client.post("/predict/batch", content=f"[{body}, 3]", headers=headers).json()["results"]
        assert one == slow
        assert many[0]["because"] == one["because"]
        assert "because" not in many[1]
        assert one["because"][0]["feature"] == "amount"
        page = client.get(
            "/", params={"key": "7", "amount": "2.5", "age": "1", "country": "us", "note": "a prize"}
        ).text
        assert "amount 2.50" in page
        rows = {"dataframe_records": [{str(name): event[str(name)] for name in FRAME}]}
        plain = client.post("/invocations", json=rows).json()["predictions"]
        assert plain == [pytest.approx(list(one["prediction"]["probabilities"].values()), rel=1e-15)]
        assert "because" in json.dumps(client.get("/docs/openapi.json").json())


def test_a_table_of_predictions_has_the_terms_as_json(tmp_path: Path) -> None:
    frame = FRAME[["amount", "country"]]
    before = make_column_transformer((StandardScaler(), ["amount"]), (OneHotEncoder(), ["country"]))
    model = make_pipeline(before, Ridge()).fit(frame, NUMBER)
    made = service(saved(model, tmp_path / "model", frame, because=1))
    source = table(
        f"sqlite:///{tmp_path}/in.db", "key integer primary key, amount real, country text",
        [(1, 2.5, "us"), (2, 0.0, "de")],
    )  # fmt: skip
    scored(made.declared, source, f"sqlite:///{tmp_path}/out.db", service=made)
    found = table_rows(f"sqlite:///{tmp_path}/out.db", f"{made.declared.name}_predictions")
    outcomes = made.score(
        [b'{"key": 1, "amount": 2.5, "country": "us"}', b'{"key": 2, "amount": 0, "country": "de"}'],
        [NOW] * 2,
    )
    told = [msgspec.to_builtins(one.because) for one in outcomes if isinstance(one, ScoredEvent)]
    assert [json.loads(row[2]) for row in found] == told
    assert [len(one) for one in told] == [1, 1]
    scored(made.declared, source, f"{tmp_path}/out", service=made)
    assert [json.loads(row["because"]) for row in kept(tmp_path / "out")] == told
