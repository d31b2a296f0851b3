"""A model that names no task is served by its signature, exactly as `mlflow.pyfunc` answers."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from threeways import artifact, bootstrap
from threeways.errors import (
    ArtifactError,
    ArtifactMismatch,
    InvalidEvent,
    ModelFailed,
    SettingsError,
    UnpredictableEvent,
)
from threeways.scoring.outcomes import Outcome, Scored
from threeways.scoring.service import ModelService
from threeways.settings import Settings

logging.getLogger("mlflow").setLevel(logging.ERROR)
RANDOM = np.random.default_rng(0)
ROWS = 200
PAYMENTS = pd.DataFrame(
    {
        "amount": RANDOM.lognormal(size=ROWS),
        "hour": RANDOM.integers(0, 24, ROWS),
        "country": RANDOM.choice(["de", "fr", "us"], ROWS),
        "new": RANDOM.random(ROWS) < 0.5,
    }
)
KINDS = np.where(PAYMENTS["amount"] + (PAYMENTS["country"] == "us") > 2, "fraud", "ok")
COLUMNS = make_column_transformer(
    (StandardScaler(), ["amount", "hour"]),
    (OneHotEncoder(handle_unknown="ignore"), ["country"]),
    ("passthrough", ["new"]),
)


def logged(folder: Path, fitted: Any, frame: Any, method: str = "predict", **given: Any) -> Path:
    """Save a model as a notebook would, with a signature from what it was fitted on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "signature" not in given:
            given["signature"] = infer_signature(frame, getattr(fitted, method)(frame))
        mlflow.sklearn.save_model(
            fitted,
            str(folder),
            serialization_format="cloudpickle",
            pyfunc_predict_fn=method,
            pip_requirements=["scikit-learn"],
            **given,
        )
    return folder


def served(folder: Path, **given: Any) -> ModelService[Any]:
    settings = Settings(model_sha256=artifact.digest(folder), **given)
    return bootstrap.service_of(folder, settings)


def scored(service: ModelService[Any], events: Sequence[Any]) -> list[Outcome]:
    return service.score([msgspec.json.encode(one) for one in events], [datetime.now(UTC)] * len(events))


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{"id": place, **row} for place, row in enumerate(frame.to_dict("records"))]  # type: ignore[dict-item]


def values(outcomes: Sequence[Outcome]) -> list[Any]:
    assert all(isinstance(one, Scored) for one in outcomes), [
        one for one in outcomes if not isinstance(one, Scored)
    ]
    return [one.value for one in outcomes if isinstance(one, Scored)]


def pyfunc(folder: Path, rows: Any) -> Any:
    return mlflow.pyfunc.load_model(str(folder)).predict(rows)


@pytest.fixture(scope="module")
def fraud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fitted = make_pipeline(COLUMNS, LogisticRegression()).fit(PAYMENTS, KINDS)
    folder = tmp_path_factory.mktemp("fraud") / "model"
    return logged(
        folder, fitted, PAYMENTS, "predict_proba", metadata={"id": "payment_id"}, input_example=PAYMENTS[:2]
    )


def test_a_classifier_s_message_has_the_label_and_pyfunc_s_probabilities(fraud: Path) -> None:
    service = served(fraud, model_name="fraud")
    rows = [{"payment_id": f"p{row['id']}"} | row for row in records(PAYMENTS)]
    outcomes = scored(service, rows)
    wanted = pyfunc(fraud, PAYMENTS)
    assert values(outcomes) == [
        ("fraud" if fraud >= ok else "ok", {"fraud": fraud, "ok": ok}) for fraud, ok in wanted.tolist()
    ]
    [message] = service.messages(outcomes[:1], ["source"])  # type: ignore[arg-type]
    fraudulent, sound = wanted[0].tolist()
    assert msgspec.json.decode(message) == {
        "model": "fraud",
        "version": service.version,
        "prediction": {
            "label": "fraud" if fraudulent > sound else "ok",
            "probabilities": {"fraud": fraudulent, "ok": sound},
            "payment_id": "p0",
        },
        "source_event_id": "source",
        "flags": [],
    }


def test_the_example_that_proves_the_model_is_the_artifact_s(fraud: Path) -> None:
    task = served(fraud).task
    assert msgspec.to_builtins(task.example) == {"payment_id": 1} | PAYMENTS.iloc[0].to_dict()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"amount": "12"}, "Expected `float`, got `str` - at `$.amount`"),
        ({"hour": 2.5}, "Expected `int`, got `float` - at `$.hour`"),
        ({"hour": 2**63}, "Expected `int` <= 9223372036854775807 - at `$.hour`"),
        ({"country": None}, "Expected `str`, got `null` - at `$.country`"),
        ({"new": 1}, "Expected `bool`, got `int` - at `$.new`"),
        ({"payment_id": 1.5}, "Expected `int | str`, got `float` - at `$.payment_id`"),
    ],
)
def test_an_event_is_of_the_signature_s_types_and_the_reason_names_the_field(
    fraud: Path, change: dict[str, Any], reason: str
) -> None:
    sound = {"payment_id": 7} | records(PAYMENTS)[0]
    first, second = scored(served(fraud), [sound | change, sound])
    assert isinstance(first, InvalidEvent)
    assert str(first) == reason
    assert isinstance(second, Scored)


def test_a_field_that_is_missing_is_named(fraud: Path) -> None:
    event = {"payment_id": 7} | records(PAYMENTS)[0]
    del event["amount"]
    [fault] = scored(served(fraud), [event])
    assert str(fault) == "Object missing required field `amount` - at `$`"


def test_a_category_that_was_never_seen_is_flagged_and_served_as_the_model_serves_it(fraud: Path) -> None:
    strange = PAYMENTS[:3].assign(country=["de", "mars", "us"])
    outcomes = scored(served(fraud), [{"payment_id": 1} | row for row in records(strange)])
    assert [one.flags for one in outcomes if isinstance(one, Scored)] == [(), ("unseen_category",), ()]
    assert [value[1]["fraud"] for value in values(outcomes)] == pyfunc(fraud, strange)[:, 0].tolist()


def test_a_category_that_the_model_refuses_costs_that_event_alone(tmp_path: Path) -> None:
    columns = make_column_transformer((OneHotEncoder(), ["country"]), remainder="drop")
    folder = logged(
        tmp_path / "m", make_pipeline(columns, LogisticRegression()).fit(PAYMENTS, KINDS), PAYMENTS
    )
    strange = records(PAYMENTS[:3].assign(country=["de", "mars", "us"]))
    first, second, third = scored(served(folder), strange)
    assert isinstance(second, UnpredictableEvent)
    assert "mars" in str(second)
    assert (
        values([first, third])
        == pyfunc(folder, PAYMENTS[:3].assign(country=["de", "de", "us"]))[[0, 2]].tolist()
    )


def test_by_column_the_answers_are_the_same(fraud: Path) -> None:
    service = served(fraud)
    by_event = values(scored(service, [{"payment_id": 1} | row for row in records(PAYMENTS)]))
    columns: Any = {name: PAYMENTS[name].to_numpy() for name in PAYMENTS} | {
        "country": PAYMENTS["country"].to_numpy(object)
    }
    assert service.output.values(service.score_columns(columns).values) == by_event


LABELLED: dict[str, tuple[Any, str, Any]] = {
    "texts": (make_pipeline(COLUMNS, DecisionTreeClassifier(max_depth=3)), "predict", KINDS),
    "integers": (
        make_pipeline(COLUMNS, DecisionTreeClassifier(max_depth=3)),
        "predict",
        (KINDS == "ok").astype(int),
    ),
    "booleans": (make_pipeline(COLUMNS, DecisionTreeClassifier(max_depth=3)), "predict", KINDS == "ok"),
}


@pytest.mark.parametrize("name", LABELLED)
def test_labels_are_those_of_pyfunc_in_their_own_type(name: str, tmp_path: Path) -> None:
    pipeline, method, labels = LABELLED[name]
    folder = logged(tmp_path / "m", pipeline.fit(PAYMENTS, labels), PAYMENTS, method)
    service = served(folder)
    assert service.output.fields == ("label",)
    told, wanted = values(scored(service, records(PAYMENTS))), pyfunc(folder, PAYMENTS).tolist()
    assert told == wanted
    assert set(map(type, told)) == set(map(type, wanted))


def test_a_decision_function_of_two_classes_is_one_score_and_of_three_one_each(tmp_path: Path) -> None:
    fitted = make_pipeline(COLUMNS, LogisticRegression()).fit(PAYMENTS, KINDS)
    two = logged(tmp_path / "two", fitted, PAYMENTS, "decision_function")
    scores = fitted.decision_function(PAYMENTS).tolist()  # pyfunc wraps no such method
    told = values(scored(served(two), records(PAYMENTS)))
    assert told == [("ok" if one > 0 else "fraud", one) for one in scores]
    fitted = make_pipeline(COLUMNS, LogisticRegression()).fit(PAYMENTS, PAYMENTS["country"])
    three = logged(tmp_path / "three", fitted, PAYMENTS, "decision_function")
    wanted = fitted.decision_function(PAYMENTS)
    told = values(scored(served(three), records(PAYMENTS)))
    assert [list(scores.values()) for _, scores in told] == wanted.tolist()
    assert [label for label, _ in told] == [["de", "fr", "us"][one] for one in np.argmax(wanted, axis=1)]


def test_several_outputs_have_the_signature_s_names(tmp_path: Path) -> None:
    target = pd.DataFrame({"height": PAYMENTS["amount"], "width": PAYMENTS["hour"] * 2.0})
    fitted = RandomForestRegressor(3, random_state=0).fit(PAYMENTS[["amount", "hour"]], target)
    frame = PAYMENTS[["amount", "hour"]]
    made = pd.DataFrame(fitted.predict(frame), columns=target.columns)
    folder = logged(tmp_path / "m", fitted, frame, signature=infer_signature(frame, made))
    service = served(folder)
    outcomes = scored(service, records(frame))
    assert [list(one) for one in values(outcomes)] == pyfunc(folder, frame).tolist()
    assert isinstance(outcomes[0], Scored)
    height, width = pyfunc(folder, frame)[0].tolist()
    assert service.prediction(outcomes[0]).prediction == {"height": height, "width": width, "id": 0}


def test_several_labels_too(tmp_path: Path) -> None:
    target = pd.DataFrame({"kind": KINDS, "where": PAYMENTS["country"]})
    frame = PAYMENTS[["amount", "hour"]]
    fitted = MultiOutputClassifier(DecisionTreeClassifier(max_depth=2)).fit(frame, target)
    made = pd.DataFrame(fitted.predict(frame), columns=target.columns)
    folder = logged(tmp_path / "m", fitted, frame, signature=infer_signature(frame, made))
    assert [list(one) for one in values(scored(served(folder), records(frame)))] == pyfunc(
        folder, frame
    ).tolist()


def test_probabilities_of_several_outputs_are_refused_with_the_mend(tmp_path: Path) -> None:
    target = pd.DataFrame({"kind": KINDS, "where": PAYMENTS["country"]})
    frame = PAYMENTS[["amount", "hour"]]
    fitted = MultiOutputClassifier(DecisionTreeClassifier(max_depth=2)).fit(frame, target)
    folder = logged(
        tmp_path / "m", fitted, frame, "predict_proba", signature=infer_signature(frame, np.zeros((ROWS, 2)))
    )
    with pytest.raises(ArtifactMismatch, match=r"no one list of classes.*pyfunc_predict_fn='predict'"):
        served(folder)


TEXTS = pd.DataFrame({"title": ["free money now", "lunch at noon", "money for free", "see you at lunch"] * 5})
SPAM = ["spam", "ham", "spam", "ham"] * 5


def test_a_column_of_texts_behind_a_column_transformer_is_served(tmp_path: Path) -> None:
    pipeline = make_pipeline(make_column_transformer((TfidfVectorizer(), "title")), LogisticRegression())
    folder = logged(tmp_path / "m", pipeline.fit(TEXTS, SPAM), TEXTS, "predict_proba")
    told = values(scored(served(folder), records(TEXTS)))
    assert [list(one.values()) for _, one in told] == pyfunc(folder, TEXTS).tolist()


@pytest.mark.parametrize("of", ["list", "array", "series"])
def test_a_model_that_takes_the_text_itself_is_served(of: str, tmp_path: Path) -> None:
    fitted = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(TEXTS["title"], SPAM)
    texts: Any = {
        "list": list(TEXTS["title"]),
        "array": TEXTS["title"].to_numpy(str),
        "series": TEXTS["title"],
    }[of]
    # of a list and of a Series without a name MLflow infers the same; of a list it looks for Spark first
    shown = pd.Series(texts) if of == "list" else texts
    folder = logged(
        tmp_path / "m", fitted, texts, signature=infer_signature(shown, fitted.predict(TEXTS["title"]))
    )
    name = "title" if of == "series" else "text"
    events = [{"id": place, name: text} for place, text in enumerate(TEXTS["title"])]
    assert values(scored(served(folder), events)) == fitted.predict(TEXTS["title"]).tolist()


def test_missing_values_are_allowed_where_the_signature_has_them(tmp_path: Path) -> None:
    frame = PAYMENTS.assign(
        amount=PAYMENTS["amount"].where(RANDOM.random(ROWS) < 0.8),
        country=PAYMENTS["country"].where(RANDOM.random(ROWS) < 0.8),
    )
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["amount", "hour"]),
        (OneHotEncoder(handle_unknown="ignore"), ["country"]),
    )
    folder = logged(
        tmp_path / "m", make_pipeline(columns, LogisticRegression()).fit(frame, KINDS), frame, "predict_proba"
    )
    events = [{name: value for name, value in row.items() if value == value} for row in records(frame)]
    null = [
        {name: None if value != value else value for name, value in row.items()} for row in records(frame)
    ]
    wanted = pyfunc(folder, frame).tolist()
    for some in (events, null):
        outcomes = scored(served(folder), some)
        assert [list(one.values()) for _, one in values(outcomes)] == wanted
        assert {one.flags for one in outcomes if isinstance(one, Scored)} == {()}


def days_of(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({"day": frame["at"].dt.dayofyear})


def test_times_are_read_by_their_own_clock_and_an_offset_is_taken_to_utc(tmp_path: Path) -> None:
    frame = pd.DataFrame({"at": pd.date_range("2021-01-01", periods=50, freq="31h")})
    fitted = make_pipeline(FunctionTransformer(days_of), LinearRegression()).fit(frame, np.arange(50.0))
    folder = logged(tmp_path / "m", fitted, frame, metadata={"output": "hours", "unit": "h"})
    service = served(folder)
    plain = [{"id": 1, "at": one.isoformat()} for one in frame["at"]]
    assert values(scored(service, plain)) == pyfunc(folder, frame).tolist()
    aware = [{"id": 1, "at": one.isoformat() + "+00:00"} for one in frame["at"]]
    assert values(scored(service, aware)) == pyfunc(folder, frame).tolist()
    east = [{"id": 1, "at": (one + pd.Timedelta(hours=2)).isoformat() + "+02:00"} for one in frame["at"]]
    assert values(scored(service, east)) == pyfunc(folder, frame).tolist()
    [far] = scored(service, [{"id": 1, "at": "3021-01-01T00:00:00"}])
    assert isinstance(far, UnpredictableEvent)
    assert (service.output.name, service.output.unit) == ("hours", "h")


def test_a_long_beyond_float64_s_integers_reaches_the_model_as_it_is(tmp_path: Path) -> None:
    frame = pd.DataFrame({"account": [2**53 + place for place in range(8)], "amount": np.arange(8.0)})
    columns = make_column_transformer((OneHotEncoder(), ["account"]))
    folder = logged(
        tmp_path / "m", make_pipeline(columns, LinearRegression()).fit(frame, np.arange(8.0)), frame
    )
    assert values(scored(served(folder), records(frame))) == pyfunc(folder, frame).tolist()


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64"])
def test_a_tensor_is_a_list_of_numbers(dtype: str, tmp_path: Path) -> None:
    block = (RANDOM.random((30, 3)) * 9).astype(dtype)
    folder = logged(
        tmp_path / "m", RandomForestRegressor(3).fit(block, block[:, 0]), block, input_example=block[:1]
    )
    service = served(folder)
    events = [{"id": place, "inputs": row} for place, row in enumerate(block.tolist())]
    assert values(scored(service, events)) == pyfunc(folder, block).tolist()
    short, *_ = scored(service, [{"id": 1, "inputs": [1, 2]}])
    assert str(short) == "Expected `array` of length >= 3 - at `$.inputs`"


def test_a_signature_of_plain_floats_is_served_without_a_dataframe(tmp_path: Path) -> None:
    frame = PAYMENTS[["amount"]].assign(hour=PAYMENTS["hour"].astype(float))
    folder = logged(tmp_path / "m", RandomForestRegressor(3).fit(frame, frame["hour"]), frame)
    service = served(folder)
    assert service.model.input_kind == "block"
    assert values(scored(service, records(frame))) == pyfunc(folder, frame).tolist()


def test_outliers_are_labels_and_their_scores_numbers(tmp_path: Path) -> None:
    frame = PAYMENTS[["amount"]]
    fitted = IsolationForest(n_estimators=5, random_state=0).fit(frame)
    for method, field in (("predict", "label"), ("decision_function", "score")):
        folder = logged(tmp_path / method, fitted, frame, method)
        service = served(folder)
        assert service.output.fields == (field,)
        assert values(scored(service, records(frame))) == getattr(fitted, method)(frame).tolist()


def test_the_id_may_be_a_column_or_any_field_that_is_named(fraud: Path) -> None:
    rows = [{"hour_of": 3} | row for row in records(PAYMENTS[:2])]
    outcomes = scored(served(fraud, event_id="hour_of"), rows)
    assert [one.event_id for one in outcomes if isinstance(one, Scored)] == [3, 3]
    outcomes = scored(served(fraud, event_id="hour"), records(PAYMENTS[:2]))
    assert [one.event_id for one in outcomes if isinstance(one, Scored)] == PAYMENTS["hour"][:2].tolist()


def test_what_cannot_be_served_is_refused_with_its_mend(fraud: Path, tmp_path: Path) -> None:
    frame = PAYMENTS[["amount", "hour"]]
    fitted = DummyClassifier().fit(frame, KINDS)
    bare = logged(tmp_path / "bare", fitted, frame, signature=None)
    with pytest.raises(ArtifactMismatch, match=r"has no signature.*or name a task"):
        served(bare)
    with pytest.raises(ArtifactMismatch, match=r"takes country \(string\)"):
        served(fraud, task="ride_duration")
    with pytest.raises(ArtifactMismatch, match="is a double; name a text or an integer"):
        served(fraud, event_id="amount")
    with pytest.raises(SettingsError, match="have a field label"):
        served(fraud, event_id="label")
    wrong = logged(
        tmp_path / "wrong",
        fitted,
        frame,
        input_example=PAYMENTS[["amount", "country"]][:1].rename(columns={"country": "hour"}),
    )
    with pytest.raises(ArtifactError, match="its input example is no event of its signature"):
        served(wrong)
    columns = make_column_transformer((OneHotEncoder(), ["country"]))
    refuses = logged(
        tmp_path / "refuses", make_pipeline(columns, LogisticRegression()).fit(PAYMENTS, KINDS), PAYMENTS,
        input_example=PAYMENTS[:1].assign(country="mars"),
    )  # fmt: skip
    with pytest.raises(ModelFailed, match="mars"):
        served(refuses)
    odd = PAYMENTS[["amount"]].assign(raw=[b"x"] * ROWS)
    binary = logged(
        tmp_path / "binary",
        DummyClassifier().fit(PAYMENTS[["amount"]], KINDS),
        odd,
        signature=infer_signature(odd, KINDS),
    )
    with pytest.raises(ArtifactError, match=r"raw as 'binary'.*columns of these types"):
        served(binary)


DICTS = PAYMENTS[["amount", "country"]]


def dict_model(frame: pd.DataFrame) -> Any:
    rows: list[Any] = frame.to_dict("records")
    return make_pipeline(DictVectorizer(), LinearRegression()).fit(rows, PAYMENTS["hour"])


def test_flat_events_are_the_dicts_of_a_dict_vectorizer(tmp_path: Path, caplog: Any) -> None:
    fitted = dict_model(DICTS)
    folder = logged(tmp_path / "m", fitted, DICTS, signature=infer_signature(DICTS, np.zeros(ROWS)))
    rows: list[Any] = DICTS.to_dict("records")
    assert values(scored(served(folder), records(DICTS))) == pytest.approx(
        fitted.predict(rows).tolist(), rel=1e-13
    )
    assert "order cannot be checked" not in caplog.text  # dicts have none


def test_a_signature_that_a_dict_vectorizer_would_pass_over_is_refused(tmp_path: Path) -> None:
    fitted = dict_model(DICTS)
    for place, (frame, why) in enumerate(
        [
            (DICTS[["amount"]], "dicts with country, which its task does not make"),
            (DICTS.assign(country=1), "a number of country, and the model was trained on texts"),
            (DICTS.assign(amount="a"), "text of amount, and the model was trained on numbers"),
        ]
    ):
        folder = logged(
            tmp_path / str(place), fitted, frame, signature=infer_signature(frame, np.zeros(ROWS))
        )
        with pytest.raises(ArtifactMismatch, match=why):
            served(folder)


def test_an_input_example_with_a_missing_number_is_read(tmp_path: Path) -> None:
    frame = PAYMENTS[["amount", "hour"]].assign(amount=[math.nan, *PAYMENTS["amount"][1:]])
    fitted = make_pipeline(SimpleImputer(), LinearRegression()).fit(frame, frame["hour"])
    folder = logged(tmp_path / "m", fitted, frame, input_example=frame[:3])  # MLflow writes it as NaN
    assert b"NaN" in (folder / "serving_input_example.json").read_bytes()
    assert served(folder).task.example.column_0 is None
