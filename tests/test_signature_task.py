"""A model that names no task is served by its signature, exactly as `mlflow.pyfunc` answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from mlflow.models import infer_signature
from payments_lab import (
    COLUMNS,
    KINDS,
    PAYMENTS,
    ROWS,
    logged,
    pyfunc,
    records,
    scored,
    served,
    values,
)
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from threeways.errors import (
    ArtifactError,
    ArtifactMismatch,
    InvalidEvent,
    ModelFailed,
    SettingsError,
    UnpredictableEvent,
)
from threeways.scoring.outcomes import Scored


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
    with pytest.raises(ModelFailed, match=r"mars.*log it again with signature=.*input_example=X"):
        served(refuses)
    numbers = PAYMENTS[["amount", "hour"]]
    lies = logged(
        tmp_path / "lies", LogisticRegression().fit(numbers, KINDS), numbers.astype({"hour": str}),
    )  # fmt: skip
    with pytest.raises(ModelFailed, match="its signature or its input example is not what it was fitted on"):
        served(lies)
    odd = PAYMENTS[["amount"]].assign(raw=[b"x"] * ROWS)
    binary = logged(
        tmp_path / "binary",
        DummyClassifier().fit(PAYMENTS[["amount"]], KINDS),
        odd,
        signature=infer_signature(odd, KINDS),
    )
    with pytest.raises(ArtifactError, match=r"raw as 'binary'.*columns of these types"):
        served(binary)
