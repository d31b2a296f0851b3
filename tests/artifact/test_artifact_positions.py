"""A model by column names is served without pandas, as pyfunc answers, or says that it needs pandas."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import Any, cast

import mlflow
import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor, make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
    TargetEncoder,
)

from threeways import artifact
from threeways.artifact import Model, check
from threeways.artifact.inputs import Table
from threeways.errors import ArtifactUnsupported

ROWS = 120
_RNG = np.random.default_rng(5)
FRAME = pd.DataFrame(
    {
        "price": _RNG.lognormal(2, 1, ROWS),
        "weight": _RNG.normal(5, 1, ROWS).astype(np.float32),
        "age": _RNG.integers(0, 2**40, ROWS),
        "hour": _RNG.integers(0, 24, ROWS).astype(np.int32),
        "gift": _RNG.random(ROWS) < 0.3,
        "city": _RNG.choice(["ulm", "köln", "bonn", ""], ROWS),
        "note": pd.Series(_RNG.choice(["red", "blue sea", None], ROWS), dtype="str"),
        "score": np.where(_RNG.random(ROWS) < 0.2, np.nan, _RNG.normal(size=ROWS)),
    }
)
LABELS = np.where(FRAME["price"] + FRAME["hour"] + _RNG.normal(size=ROWS) > 20, "high", "low")
NUMBER = FRAME["price"] * 2 + FRAME["hour"]
FLOATS, NUMBERS, TEXTS = ["price"], ["price", "weight", "age", "hour"], ["city", "note"]
ONE_HOT = OneHotEncoder(handle_unknown="ignore")
ORDINAL = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
FILLED = make_pipeline(SimpleImputer(strategy="most_frequent"), ONE_HOT)


def by(*parts: Any, **options: Any) -> Any:
    return make_column_transformer(*parts, **options)


def logistic(*parts: Any, **options: Any) -> Any:
    return make_pipeline(by(*parts, **options), LogisticRegression(max_iter=200))


def ridge(*parts: Any, **options: Any) -> Any:
    return make_pipeline(by(*parts, **options), Ridge())


CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "numbers and texts": lambda: logistic((StandardScaler(), NUMBERS), (ONE_HOT, TEXTS)),
    "an encoder of texts, integers and booleans": lambda: make_pipeline(
        by((ORDINAL, ["city", "age", "gift", "hour", "weight", "note"])), RandomForestClassifier(5)
    ),
    "a target encoder of both": lambda: logistic((TargetEncoder(), ["city", "hour"])),
    "an imputer of both": lambda: logistic((FILLED, ["city", "note", "hour"])),
    "an imputer of a constant": lambda: logistic(
        (make_pipeline(SimpleImputer(strategy="constant", fill_value="none"), ONE_HOT), TEXTS)
    ),
    "the rest passed through": lambda: make_pipeline(
        by((ONE_HOT, TEXTS), remainder="passthrough"), HistGradientBoostingClassifier(max_iter=5)
    ),
    "a dense rest of booleans and numbers": lambda: logistic(
        (MinMaxScaler(), ["price", "weight"]), ("drop", [*TEXTS, "score"]), remainder="passthrough"
    ),
    "booleans and numbers scaled": lambda: logistic((StandardScaler(), ["gift", "hour", "price"])),
    "a text": lambda: logistic(
        (TfidfVectorizer(token_pattern="[a-zö]"), "city"), (StandardScaler(), NUMBERS)
    ),
    "a hashed text": lambda: logistic((HashingVectorizer(n_features=32), "city")),
    "by dtype": lambda: logistic(
        (StandardScaler(), make_column_selector(dtype_include=[np.int64, np.int32])), (ONE_HOT, TEXTS)
    ),
    "a slice between names": lambda: logistic((StandardScaler(), slice("price", "hour"))),
    "a mask": lambda: logistic((StandardScaler(), np.arange(8) < 4), (ONE_HOT, TEXTS)),
    "weighted parts": lambda: logistic(
        (StandardScaler(), NUMBERS),
        (ONE_HOT, TEXTS),
    ).set_params(columntransformer__transformer_weights={"standardscaler": 0.5}),
    "a search": lambda: GridSearchCV(
        logistic((StandardScaler(), NUMBERS), (ONE_HOT, TEXTS)), {"logisticregression__C": [0.5, 1]}, cv=2
    ),
    "a search by position": lambda: GridSearchCV(
        logistic((StandardScaler(), [0, 3]), (ONE_HOT, [5])), {"logisticregression__C": [0.5, 1]}, cv=2
    ),
    "a vote": lambda: VotingClassifier(
        [
            ("a", logistic((StandardScaler(), NUMBERS), (ONE_HOT, TEXTS))),
            ("b", make_pipeline(by((ORDINAL, ["city", "hour"])), RandomForestClassifier(3))),
        ],
        voting="soft",
    ),
    "calibrated": lambda: CalibratedClassifierCV(
        logistic((StandardScaler(), NUMBERS), (ONE_HOT, TEXTS)), cv=2
    ),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "bins and powers": lambda: ridge((KBinsDiscretizer(4), ["price", "age"]), (PowerTransformer(), NUMBERS)),
    "an imputer of neighbours": lambda: ridge((KNNImputer(add_indicator=True), ["score", "price", "hour"])),
    "a target that is transformed": lambda: TransformedTargetRegressor(
        ridge((StandardScaler(), NUMBERS), (ONE_HOT, TEXTS)), func=np.log1p, inverse_func=np.expm1
    ),
    "a stack": lambda: StackingRegressor(
        [
            ("a", ridge((StandardScaler(), NUMBERS))),
            ("b", make_pipeline(by((ORDINAL, TEXTS)), RandomForestRegressor(3))),
        ],
        cv=2,
    ),
    "a union": lambda: make_pipeline(
        make_union(by((StandardScaler(), NUMBERS)), by((ONE_HOT, TEXTS))), Ridge()
    ),
    "a function of numbers of one type": lambda: ridge((FunctionTransformer(np.log1p), FLOATS)),
    "single columns of one type": lambda: ridge((StandardScaler(), ["weight"]), ("passthrough", ["age"])),
}
DECLINED: dict[str, Callable[[], Any]] = {
    "frames within": lambda: logistic((StandardScaler(), NUMBERS)).set_output(transform="pandas"),
    "a function": lambda: ridge((FunctionTransformer(lambda frame: frame.assign(x=1)), FLOATS)),
    "a function of several types": lambda: ridge((FunctionTransformer(np.sqrt), ["price", "age"])),
    "booleans and numbers beside a sparse part": lambda: ridge(
        (ONE_HOT, ["city"]), ("passthrough", ["gift", "hour"]), sparse_threshold=1.0
    ),
    "booleans and float32": lambda: ridge((StandardScaler(), ["gift", "weight"])),
    "names within": lambda: ridge((by((StandardScaler(), ["price"])), ["price", "age"])),
}


def saved(tmp_path: Path, model: Any, frame: pd.DataFrame = FRAME, truth: Any = None) -> Path:
    classifies = hasattr(model, "predict_proba")
    model.fit(frame, (LABELS if classifies else NUMBER) if truth is None else truth)
    mlflow.sklearn.save_model(
        model, str(tmp_path / "model"), signature=mlflow.models.infer_signature(frame),
        pip_requirements=["scikit-learn"], serialization_format="cloudpickle",
        pyfunc_predict_fn="predict_proba" if classifies else "predict",
    )  # fmt: skip
    return tmp_path / "model"


def loaded(folder: Path) -> Model:
    return artifact.load(folder, artifact.digest(folder))


def table(frame: pd.DataFrame) -> Table:
    """The columns as a task makes them of events."""
    made = {str(name): column.to_numpy() for name, column in frame.items()}
    wide = {"f": np.float64, "i": np.int64}
    return Table(
        {
            name: np.array([None if pd.isna(one) else one for one in values.tolist()], dtype=object)
            if values.dtype.kind == "O"
            else values.astype(wide.get(values.dtype.kind, values.dtype))
            for name, values in made.items()
        }
    )


def others(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows that no part was fitted on: categories never seen, another order."""
    changed = frame.iloc[::-1].reset_index(drop=True)
    changed.loc[::7, "city"] = "rom"
    changed.loc[::5, "hour"] = np.int32(99)
    return changed


class WithoutPandas(MetaPathFinder):
    """Finds nothing, and refuses pandas, as a process does where it is not installed."""

    def find_spec(self, fullname: str, *_: Any) -> None:
        if fullname.partition(".")[0] == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name="pandas")


def answers_without_pandas(model: Model, frames: list[pd.DataFrame], columns: list[str]) -> list[Any]:
    tables = [table(frame) for frame in frames]
    with pytest.MonkeyPatch.context() as patch:
        patch.delitem(sys.modules, "pandas")
        patch.setattr(sys, "meta_path", [WithoutPandas(), *sys.meta_path])
        check(model, tuple(columns), {}, mixed=True)
        return [model.predict(one) for one in tables]


@pytest.mark.parametrize("name", [*CLASSIFIERS, *REGRESSORS])
def test_names_become_positions_and_answers_stay_pyfunc_s_to_the_last_bit(tmp_path: Path, name: str) -> None:
    folder = saved(tmp_path, (CLASSIFIERS | REGRESSORS)[name]())
    frames = [FRAME, others(FRAME), FRAME[5:6]]
    pyfunc = mlflow.pyfunc.load_model(str(folder))
    model = loaded(folder)
    assert not model.needs_pandas
    for frame, made in zip(frames, answers_without_pandas(model, frames, list(FRAME.columns)), strict=True):
        np.testing.assert_array_equal(made, np.asarray(pyfunc.predict(frame)))


def test_an_encoder_that_takes_all_columns_is_served_without_pandas(tmp_path: Path) -> None:
    frame = FRAME[TEXTS]
    folder = saved(tmp_path, make_pipeline(ONE_HOT, LogisticRegression()), frame)
    [made] = answers_without_pandas(loaded(folder), [frame], TEXTS)
    np.testing.assert_array_equal(made, mlflow.pyfunc.load_model(str(folder)).predict(frame))


def test_so_are_several_outputs(tmp_path: Path) -> None:
    truth = pd.DataFrame({"a": NUMBER, "b": FRAME["age"]})
    folder = saved(
        tmp_path, MultiOutputRegressor(ridge((StandardScaler(), NUMBERS), (ONE_HOT, TEXTS))), truth=truth
    )
    [made] = answers_without_pandas(loaded(folder), [FRAME], list(FRAME.columns))
    np.testing.assert_array_equal(made, mlflow.pyfunc.load_model(str(folder)).predict(FRAME))


@pytest.mark.parametrize("name", DECLINED)
def test_what_arrays_could_change_keeps_its_frame_and_the_image_that_has_pandas_is_named(
    tmp_path: Path, name: str
) -> None:
    folder = saved(tmp_path, DECLINED[name]())
    model, pyfunc = loaded(folder), mlflow.pyfunc.load_model(str(folder))
    assert model.needs_pandas
    np.testing.assert_array_equal(model.predict(table(FRAME)), np.asarray(pyfunc.predict(FRAME)))
    with pytest.raises(ArtifactUnsupported, match=r"pandas is not installed.*`frame`"):
        answers_without_pandas(model, [], list(FRAME.columns))


@pytest.mark.parametrize("kind", ["Int64", "boolean", "datetime64[ns]"])
def test_a_column_that_only_pandas_has_keeps_its_frame_where_it_is_used(tmp_path: Path, kind: str) -> None:
    odd = pd.Series([None, *[1] * (ROWS - 1)]).astype(cast("Any", kind))
    frame = FRAME.assign(odd=odd)
    used = loaded(
        saved(
            tmp_path / "used",
            make_pipeline(by((ORDINAL, ["odd", "city"])), HistGradientBoostingClassifier(max_iter=5)),
            frame,
        )
    )
    assert used.needs_pandas
    unused = loaded(saved(tmp_path / "unused", logistic((ORDINAL, ["city"])), frame))
    assert not unused.needs_pandas


def test_a_block_of_a_task_is_served_by_position_too(tmp_path: Path) -> None:
    frame = FRAME[NUMBERS]
    folder = saved(tmp_path, ridge((StandardScaler(), ["hour", "weight"]), ("passthrough", ["age"])), frame)
    model = loaded(folder)
    assert not model.needs_pandas
    block = frame.to_numpy(dtype=np.float64)
    expected = mlflow.pyfunc.load_model(str(folder)).predict(frame)
    np.testing.assert_allclose(model.predict(block), expected, rtol=1e-13)
    np.testing.assert_allclose(model.predict(block[:, ::-1], NUMBERS[::-1]), expected, rtol=1e-13)
