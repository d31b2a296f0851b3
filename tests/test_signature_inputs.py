"""A model that names no task takes texts, times, tensors, dicts and what is missing by its signature."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from payments_lab import (
    KINDS,
    PAYMENTS,
    RANDOM,
    ROWS,
    logged,
    pyfunc,
    records,
    scored,
    served,
    values,
)
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from threeways.errors import (
    ArtifactMismatch,
    UnpredictableEvent,
)
from threeways.scoring.outcomes import Scored

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
