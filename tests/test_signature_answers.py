"""What a model answers by its signature is what `mlflow.pyfunc` answers, of each kind of output."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
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
from sklearn.ensemble import IsolationForest, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

from threeways.errors import (
    ArtifactMismatch,
)
from threeways.scoring.outcomes import Scored

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


def test_outliers_are_labels_and_their_scores_numbers(tmp_path: Path) -> None:
    frame = PAYMENTS[["amount"]]
    fitted = IsolationForest(n_estimators=5, random_state=0).fit(frame)
    for method, field in (("predict", "label"), ("decision_function", "score")):
        folder = logged(tmp_path / method, fitted, frame, method)
        service = served(folder)
        assert service.output.fields == (field,)
        assert values(scored(service, records(frame))) == getattr(fitted, method)(frame).tolist()
