"""A graph of named columns of mixed types answers, flags and refuses what scikit-learn's flavour does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from table_lab import BINARY, CLASS, FRAME, NUMBERS, TARGET, columns, onnx_of, payloads, saved, services

from threeways import bootstrap
from threeways.errors import UnpredictableEvent
from threeways.scoring.outcomes import Scored
from threeways.settings import Settings

ALL: dict[str, Any] = {"random_state": 0}
MODELS: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "linear": (LinearRegression, TARGET, "predict"),
    "several outputs": (LinearRegression, np.column_stack([TARGET, FRAME["amount"]]), "predict"),
    "elastic net": (ElasticNet, TARGET, "predict"),
    "huber": (lambda: HuberRegressor(max_iter=900), TARGET, "predict"),
    "tree": (lambda: DecisionTreeRegressor(max_depth=5, **ALL), TARGET, "predict"),
    "forest": (lambda: RandomForestRegressor(4, **ALL), TARGET, "predict"),
    "boosting": (lambda: GradientBoostingRegressor(n_estimators=5, **ALL), TARGET, "predict"),
    "logistic, labels": (lambda: LogisticRegression(max_iter=900), BINARY, "predict"),
    "logistic": (lambda: LogisticRegression(max_iter=900), BINARY, "predict_proba"),
    "logistic, scores": (lambda: LogisticRegression(max_iter=900), BINARY, "decision_function"),
    "multinomial": (lambda: LogisticRegression(max_iter=900), CLASS, "predict_proba"),
    "multinomial, scores": (lambda: LogisticRegression(max_iter=900), CLASS, "decision_function"),
    "sgd": (lambda: SGDClassifier(loss="log_loss", **ALL), CLASS, "predict_proba"),
    "sgd, labels": (lambda: SGDClassifier(**ALL), CLASS, "predict"),
    "integers": (lambda: LogisticRegression(max_iter=900), TARGET > 60, "predict"),
    "booleans": (lambda: LogisticRegression(max_iter=900), (TARGET > 60).to_numpy(), "predict_proba"),
    "tree classifier": (lambda: DecisionTreeClassifier(max_depth=4, **ALL), CLASS, "predict_proba"),
    "forest classifier": (lambda: RandomForestClassifier(4, **ALL), CLASS, "predict_proba"),
    "forest, labels": (lambda: RandomForestClassifier(4, **ALL), (TARGET // 40).astype(int), "predict"),
    "boosting classifier": (
        lambda: GradientBoostingClassifier(n_estimators=4, **ALL), CLASS, "predict_proba",
    ),
    "exponential loss": (
        lambda: GradientBoostingClassifier(n_estimators=4, loss="exponential", **ALL), BINARY,
        "predict_proba",
    ),
}  # fmt: skip


def some_at_once(names: Iterable[str], some: set[str]) -> list[Any]:
    """The names as parameters; all but some are for CI."""
    return [name if name in some else pytest.param(name, marks=pytest.mark.exhaustive) for name in names]


def messages(service: Any, events: list[bytes]) -> list[Any]:
    """What a service says of events: messages, or the kind of fault."""
    outcomes = service.score(events, [datetime.now(UTC)] * len(events))
    return [
        msgspec.json.decode(service.messages([one], [None])[0])
        if isinstance(one, Scored)
        else type(one).__name__
        for one in outcomes
    ]


def require_alike(made: list[Any], events: list[bytes]) -> list[Any]:
    """Both services say the same of events; numbers within 1e-12."""
    said, wanted = (messages(service, events) for service in made)
    assert [one if isinstance(one, str) else one.get("flags") for one in said] == [
        one if isinstance(one, str) else one.get("flags") for one in wanted
    ]
    for one, other in zip(said, wanted, strict=True):
        if isinstance(one, str):
            continue
        assert flat(one) == pytest.approx(flat(other), rel=1e-12, abs=1e-12)
        assert one["prediction"].get("label") == other["prediction"].get("label")
    return said


def flat(message: Any) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, value in message["prediction"].items():
        for inner, number in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(number, int | float):
                found[f"{name} {inner}"] = float(number)
    return found


@pytest.mark.parametrize(
    "name", some_at_once(MODELS, {"linear", "logistic", "multinomial", "forest classifier", "integers"})
)
def test_a_model_of_mixed_columns_says_by_onnx_what_it_says_by_scikit_learn(
    name: str, tmp_path: Path
) -> None:
    make, target, method = MODELS[name]
    fitted = make_pipeline(columns(), make()).fit(FRAME, target)
    made = services(fitted, tmp_path / "model", method)
    few = FRAME.head(30)
    require_alike(made, payloads(few))
    for changed in ({"country": "XX"}, {"shop": ""}, {"city": "\x00missing"}, {"amount": 1e15}):
        require_alike(made, payloads(few.head(3), **changed))


@pytest.mark.parametrize(
    "final",
    [
        HistGradientBoostingClassifier,
        pytest.param(HistGradientBoostingRegressor, marks=pytest.mark.exhaustive),
        ExtraTreesRegressor,
    ],
)
def test_models_that_take_missing_values_get_them(final: Any, tmp_path: Path) -> None:
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, min_frequency=20)
    taken = make_column_transformer(
        ("passthrough", [*NUMBERS, "new"]), (encode, ["country", "shop", "city"]), sparse_threshold=0
    )
    target = CLASS if "Classifier" in final.__name__ else TARGET
    given = {"n_estimators": 5, **ALL} if "Trees" in final.__name__ else {"max_iter": 5}
    fitted = make_pipeline(taken, final(**given)).fit(FRAME, target)
    made = services(fitted, tmp_path / "model", "predict")
    require_alike(made, payloads(FRAME.head(40)))
    said = require_alike(made, payloads(FRAME.head(3), country="XX"))
    assert [one["flags"] for one in said] == [["unseen_category"]] * 3


ENCODERS: dict[str, Callable[[], Any]] = {
    "first dropped": lambda: OneHotEncoder(drop="first", handle_unknown="ignore"),
    "one of two dropped": lambda: OneHotEncoder(drop="if_binary"),
    "infrequent": lambda: OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist"),
    "infrequent, dropped": lambda: OneHotEncoder(
        max_categories=3, handle_unknown="infrequent_if_exist", drop="first", sparse_output=False
    ),
    "unknown warned of": lambda: OneHotEncoder(min_frequency=30, handle_unknown="warn"),
    "errors": OneHotEncoder,
    "ordinal, errors": lambda: OrdinalEncoder(encoded_missing_value=-1),
    "ordinal, missing": lambda: OrdinalEncoder(
        encoded_missing_value=-7, handle_unknown="use_encoded_value", unknown_value=99
    ),
    "target": lambda: TargetEncoder(target_type="continuous", random_state=0),
}


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize(
    "name", some_at_once(ENCODERS, {"infrequent, dropped", "errors", "ordinal, missing", "target"})
)
def test_encoders_do_with_a_category_what_they_do_in_scikit_learn(name: str, tmp_path: Path) -> None:
    """Also with one that they have not seen, and with a missing text, which is one of their categories."""
    taken = make_column_transformer(
        (ENCODERS[name](), ["country", "shop", "city"]), (RobustScaler(), ["amount", "hour"])
    )
    fitted = make_pipeline(taken, LinearRegression()).fit(FRAME, TARGET)
    made = services(fitted, tmp_path / "model")
    require_alike(made, payloads(FRAME.head(40)))
    said = require_alike(made, payloads(FRAME.head(3), shop="zz"))
    if "errors" in name or name == "one of two dropped":
        assert said == ["UnpredictableEvent"] * 3
    else:
        assert [one["flags"] for one in said] == [["unseen_category"]] * 3


def test_an_event_that_scikit_learn_refuses_costs_the_others_nothing(tmp_path: Path) -> None:
    taken = make_column_transformer((OneHotEncoder(), ["country"]), ("passthrough", ["age", "amount"]))
    whole = FRAME.dropna()
    fitted = make_pipeline(taken, LinearRegression()).fit(whole, TARGET[whole.index])
    made = services(fitted, tmp_path / "model")
    events = payloads(FRAME.head(20))
    events[4] = payloads(whole.head(1), country="XX")[0]
    said = require_alike(made, events)
    refused = {at for at, one in enumerate(said) if one == "UnpredictableEvent"}
    assert refused == {4, *np.flatnonzero(FRAME["age"].head(20).isna()).tolist()}


def test_numbers_are_categories_too_and_flagged(tmp_path: Path) -> None:
    taken = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["hour", "new"]),
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["age", "amount"]),
        (
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value="none"), TargetEncoder(random_state=0)
            ),
            ["city"],
        ),
    )
    fitted = make_pipeline(taken, GradientBoostingRegressor(n_estimators=5, **ALL)).fit(FRAME, TARGET)
    made = services(fitted, tmp_path / "model")
    require_alike(made, payloads(FRAME.head(40)))
    assert [one["flags"] for one in require_alike(made, payloads(FRAME.head(2), hour=99))] == [
        ["unseen_category"]
    ] * 2


def test_columns_that_are_dropped_are_no_inputs(tmp_path: Path) -> None:
    rows = FRAME[["amount", "country"]].assign(at=np.datetime64("2026-01-01"))
    taken = make_column_transformer((StandardScaler(), ["amount"]), ("drop", ["country"]))
    fitted = make_pipeline(taken, LinearRegression()).fit(rows, TARGET)
    made = services(fitted, tmp_path / "model", rows=rows)
    assert [one.name for one in made[0].model.estimator._session.get_inputs()] == ["amount"]


def test_a_graph_flags_the_categories_that_scikit_learn_s_flavour_flags_or_there_is_none(
    tmp_path: Path,
) -> None:
    within = make_column_transformer(
        (SimpleImputer(strategy="constant", fill_value="?"), ["country", "city"])
    )
    taken = make_column_transformer(
        (make_pipeline(within, OneHotEncoder(handle_unknown="ignore")), ["country", "city"])
    )
    fitted = make_pipeline(taken, LinearRegression()).fit(FRAME, TARGET)
    told = onnx_of(saved(fitted, tmp_path / "model"))
    assert isinstance(told, str)
    assert "flag unseen categories otherwise, of city, country" in told


def test_integers_and_booleans_that_may_be_missing_are_taken(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {
            "rooms": pd.array([None, *range(9)] * 24, dtype="Int64"),
            "new": pd.array([True, False, None] * 80, dtype="boolean"),
            "amount": FRAME["amount"],
        }
    )
    taken = make_column_transformer(
        (SimpleImputer(), ["rooms", "amount"]), (OneHotEncoder(handle_unknown="ignore"), ["rooms", "new"])
    )
    made = services(make_pipeline(taken, LinearRegression()).fit(rows, TARGET), tmp_path / "model", rows=rows)
    events = [msgspec.json.encode({"id": at, "amount": 1.5, "rooms": at, "new": None}) for at in range(12)]
    said = require_alike(made, [*events, b'{"id": 1, "amount": 2}'])
    assert [one["flags"] for one in said] == [[]] * 9 + [["unseen_category"]] * 3 + [[]]


def test_a_category_that_a_graph_uses_for_a_missing_one_is_refused(tmp_path: Path) -> None:
    rows = FRAME[["country"]].replace("ZM", "\x00missing")
    fitted = make_pipeline(OneHotEncoder(), LinearRegression()).fit(rows, TARGET)
    told = onnx_of(saved(fitted, tmp_path / "model", rows=rows), rows)
    assert isinstance(told, str)
    assert "stands for another thing" in told


def test_a_task_s_block_is_taken_by_the_names_of_its_columns(tmp_path: Path) -> None:
    rows = FRAME[["hour", "amount"]]
    taken = make_column_transformer((OneHotEncoder(), ["hour"]), (StandardScaler(), ["amount"]))
    onnx, other = services(
        make_pipeline(taken, LinearRegression()).fit(rows, TARGET), tmp_path / "m", rows=rows
    )
    block = rows.to_numpy(np.float64)
    wanted = other.model.predict(block)
    np.testing.assert_allclose(onnx.model.predict(block), wanted, rtol=1e-12)
    swapped = onnx.model.predict(block[:, ::-1], ["amount", "hour"])
    np.testing.assert_allclose(swapped, wanted, rtol=1e-12)
    with pytest.raises(UnpredictableEvent, match=r"hour is 3\.5"):
        onnx.model.predict(np.array([[3.5, 1.0]]))


ALONE = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path
lacking = {"sklearn", "scipy", "skops", "pandas", "joblib", "mlflow", "onnx"}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in lacking:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocker())
from threeways import bootstrap
from threeways.settings import Settings
service = bootstrap.service_of(Path(sys.argv[1]), Settings(model_runtime="onnx"))
events = [one.encode() for one in json.load(sys.stdin)]
scored = service.score(events, [datetime.now(UTC)] * len(events))
print(json.dumps([json.loads(one) for one in service.messages(scored, [None] * len(scored))]))
"""


def test_without_scikit_learn_and_pandas_the_same_messages_are_made(tmp_path: Path) -> None:
    fitted = make_pipeline(columns(), RandomForestClassifier(4, **ALL)).fit(FRAME, CLASS)
    made = services(fitted, tmp_path / "model", "predict_proba")
    events = payloads(FRAME.head(20))
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(tmp_path / "model")],
        input=json.dumps([one.decode() for one in events]),
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout) == messages(made[1], events)


def test_a_graph_alone_is_served_by_its_signature_s_columns(tmp_path: Path) -> None:
    """Without the scikit-learn flavour, and not pinned: it is proven in a child process first."""
    fitted = make_pipeline(columns(), LinearRegression()).fit(FRAME, TARGET)
    made = services(fitted, tmp_path / "model")
    file = tmp_path / "model" / "MLmodel"
    content = yaml.safe_load(file.read_text())
    del content["flavors"]["sklearn"]
    file.write_text(yaml.safe_dump(content))
    events = payloads(FRAME.head(20))
    alone = bootstrap.service_of(tmp_path / "model", Settings())
    assert alone.runtime == "onnx"
    assert messages(alone, events) == messages(made[0], events)


def test_what_no_graph_takes_is_refused_by_name(tmp_path: Path) -> None:
    rows = FRAME.assign(at=np.datetime64("2026-01-01"), label=FRAME["amount"])
    for at, (taken, why) in enumerate(
        [
            ((StandardScaler(), ["label"]), "a column is called label"),
            ((SimpleImputer(missing_values=-1), ["amount"]), "takes -1 for missing"),
            ((FunctionTransformer(np.log1p), ["amount"]), "calls a function"),
        ]
    ):
        fitted = make_pipeline(make_column_transformer(taken), LinearRegression())
        some = rows[["amount", "country", "label"]] if "label" in why else rows[["amount", "country"]]
        folder = saved(fitted.fit(some, TARGET), tmp_path / str(at), rows=some)
        told = onnx_of(folder, some)
        assert isinstance(told, str)
        assert why in told
