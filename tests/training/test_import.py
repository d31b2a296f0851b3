"""A model that is only a pickle is logged with a signature, on a digest that a person gives."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from threeways import artifact, bootstrap
from threeways.errors import ArtifactError, ArtifactMismatch, ArtifactUntrusted, DataError, UsageError
from threeways.scoring.outcomes import Scored
from threeways.settings import Settings
from threeways.training.import_command import Chosen, import_model
from threeways.training.registry import RegisteredModel

pytestmark = pytest.mark.exhaustive  # slow: `make test` has five minutes

RANDOM = np.random.default_rng(0)
RIDES = pd.DataFrame(
    {
        "PULocationID": RANDOM.integers(1, 30, 200),
        "DOLocationID": RANDOM.integers(1, 30, 200),
        "trip_distance": RANDOM.gamma(2, 2, 200).round(2),
    }
)
MINUTES = RIDES["trip_distance"] * 3 + RIDES["PULocationID"] / 10
DICTS: list[Any] = RIDES.astype({"PULocationID": str, "DOLocationID": str}).to_dict("records")
LONG = pd.Series(np.where(MINUTES > 12, "long", "short"))
TITLES = pd.DataFrame(
    {"title": ["free money now", "lunch at noon", "money for free", "see you at lunch"] * 5}
)
SPAM = ["spam", "ham", "spam", "ham"] * 5


def as_a_notebook_leaves_it() -> tuple[DictVectorizer, LinearRegression]:
    vectorizer = DictVectorizer()
    return vectorizer, LinearRegression().fit(vectorizer.fit_transform(DICTS), MINUTES)


def pickled(folder: Path, model: Any, dump: Callable[..., Any] = pickle.dump) -> Path:
    file = folder / "lin_reg.bin"
    with file.open("wb") as opened:
        dump(model, opened)
    return file


def rows(folder: Path, frame: pd.DataFrame, form: str = "parquet") -> Path:
    file = folder / f"rows.{form}"
    if form == "parquet":
        frame.to_parquet(file)
    elif form == "jsonl":
        frame.to_json(file, orient="records", lines=True)
    else:
        frame.to_csv(file, index=False)
    return file


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def imported(folder: Path, model: Any, frame: pd.DataFrame, form: str = "parquet", **given: Any) -> Any:
    dump = given.pop("dump", pickle.dump)
    file = pickled(folder, model, dump)
    chosen = Chosen("trips", rows(folder, frame, form), digest(file), **given)
    return import_model(file, chosen, Console(file=io.StringIO()), folder / ".local")


def predicted(model: RegisteredModel, events: list[dict[str, Any]]) -> list[Any]:
    service = bootstrap.service_of(model.folder, Settings(model_sha256=artifact.digest(model.folder)))
    payloads = [msgspec.json.encode({"id": place} | one) for place, one in enumerate(events)]
    outcomes = service.score(payloads, [datetime.now(UTC)] * len(events))
    assert all(isinstance(one, Scored) for one in outcomes), outcomes[0]
    return [one.value for one in outcomes if isinstance(one, Scored)]


@pytest.mark.parametrize(
    "form", ["parquet", *(pytest.param(one, marks=pytest.mark.exhaustive) for one in ("jsonl", "csv"))]
)
def test_a_tuple_of_vectorizer_and_model_takes_flat_json_rows(form: str, tmp_path: Path) -> None:
    vectorizer, regression = as_a_notebook_leaves_it()
    found = imported(tmp_path, (vectorizer, regression), RIDES.assign(duration=MINUTES), form)
    assert found.uri == "models:/trips/1"
    wanted = make_pipeline(vectorizer, regression).predict(DICTS)
    assert predicted(found, DICTS) == pytest.approx(wanted.tolist(), rel=1e-13)
    assert "serialization_format: skops" in (found.folder / "MLmodel").read_text()


OTHERS: dict[str, tuple[Any, pd.DataFrame, Any]] = {
    "a pipeline by name": (
        make_pipeline(
            make_column_transformer(
                (StandardScaler(), ["trip_distance"]), (OneHotEncoder(), ["PULocationID"])
            ),
            LinearRegression(),
        ).fit(RIDES, MINUTES),
        RIDES,
        lambda one: one.predict(RIDES),
    ),
    "an estimator on an array": (
        RandomForestClassifier(3, random_state=0).fit(RIDES.to_numpy(), LONG),
        RIDES,
        lambda one: one.predict(RIDES.to_numpy()),
    ),
    "texts": (
        [TfidfVectorizer(), LogisticRegression()],
        TITLES,
        lambda one: one.predict(TITLES["title"]),
    ),
    "a function of the notebook": (
        make_pipeline(FunctionTransformer(np.log1p), LinearRegression()).fit(RIDES, MINUTES),
        RIDES,
        lambda one: one.predict(RIDES),
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
@pytest.mark.parametrize("name", OTHERS)
def test_a_pipeline_an_estimator_and_a_list_are_served_as_they_answer(
    name: str, dump: Callable[..., Any], tmp_path: Path
) -> None:
    model, frame, answers = OTHERS[name]
    whole = model
    if isinstance(model, list):
        whole = make_pipeline(*model).fit(frame["title"], SPAM)
        model = [step for _, step in whole.steps]
    found = imported(tmp_path, model, frame, dump=dump)
    assert predicted(found, frame.to_dict("records")) == answers(whole).tolist()  # type: ignore[arg-type]
    exact = name in {"a pipeline by name", "an estimator on an array"}
    assert ("gate:" in (found.folder / "MLmodel").read_text()) == exact


def test_the_id_and_the_method_are_the_person_s_choice(tmp_path: Path) -> None:
    fitted = RandomForestClassifier(3, random_state=0).fit(RIDES.to_numpy(), LONG)
    found = imported(
        tmp_path,
        fitted,
        RIDES.assign(ride=range(200))[["ride", *RIDES]],
        event_id="ride",
        method="predict_proba",
    )
    events = [{"ride": place} | one for place, one in enumerate(RIDES.to_dict("records"))]
    told = predicted(found, events)  # type: ignore[arg-type]
    assert [list(one.values()) for _, one in told] == fitted.predict_proba(RIDES.to_numpy()).tolist()


def test_without_the_digest_nothing_of_the_file_is_run_and_the_digest_is_told(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self) -> Any:
            return os.mkdir, (str(tmp_path / "harm"),)

    file = pickled(tmp_path, Harmful())
    chosen = Chosen("trips", rows(tmp_path, RIDES))
    with pytest.raises(ArtifactUntrusted, match=f"--sha256={digest(file)}"):
        import_model(file, chosen, Console(), tmp_path)
    with pytest.raises(ArtifactMismatch, match="is not the file that was pinned"):
        import_model(file, Chosen("trips", chosen.examples, "0" * 64), Console(), tmp_path)
    with pytest.raises(ArtifactMismatch, match="64 hexadecimal digits"):
        import_model(file, Chosen("trips", chosen.examples, "abc"), Console(), tmp_path)
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"dv": 1, "model": 2}, "holds a dict with dv, model, which is no scikit-learn model"),
        ((LinearRegression(), LinearRegression()), "LinearRegression, LinearRegression, which are no steps"),
        (StandardScaler(), "StandardScaler, which is no scikit-learn model"),
        (np.zeros(3), "ndarray, which is no scikit-learn model"),
        ((), "tuple, which is no scikit-learn model"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(model: Any, reason: str, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=reason) as refused:
        imported(tmp_path, model, RIDES)
    assert "\n" not in str(refused.value)
    assert "pickle" in str(refused.value)


def test_a_file_that_is_no_pickle_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "model.bin"
    for content in (b"", b"hello", pickle.dumps(as_a_notebook_leaves_it())[:-20], b"cno_such_module\nf\n."):
        file.write_bytes(content)
        with pytest.raises(ArtifactError, match=r"no whole pickle|not installed here"):
            import_model(file, Chosen("trips", rows(tmp_path, RIDES), digest(file)), Console(), tmp_path)
    with pytest.raises(ArtifactError, match="cannot be read"):
        import_model(tmp_path / "none", Chosen("trips", file), Console(), tmp_path)


def test_rows_that_are_not_the_model_s_are_refused_and_nothing_is_registered(tmp_path: Path) -> None:
    model = as_a_notebook_leaves_it()
    with pytest.raises(DataError, match="no column trip_distance, which the model was fitted on"):
        imported(tmp_path, model, RIDES.drop(columns="trip_distance"))
    with pytest.raises(DataError, match="trip_distance as texts, and the model was fitted on numbers"):
        imported(tmp_path, model, RIDES.assign(trip_distance="far"))
    with pytest.raises(DataError, match="has no rows"):
        imported(tmp_path, model, RIDES[:0])
    with pytest.raises(DataError, match=r"4 columns .* fitted on 3 without names"):
        imported(tmp_path, LinearRegression().fit(RIDES.to_numpy(), MINUTES), RIDES.assign(duration=MINUTES))
    by_name = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["PULocationID"])), LinearRegression()
    ).fit(RIDES, MINUTES)
    with pytest.raises(DataError, match="the model fails on these rows: ValueError"):
        imported(tmp_path, by_name, RIDES.assign(PULocationID=999))
    with pytest.raises(UsageError, match="is no model's name"):
        import_model(tmp_path / "a", Chosen("a/b", tmp_path / "b"), Console(), tmp_path)
    assert not (tmp_path / ".local").exists()


@pytest.mark.exhaustive
def test_from_a_pickle_to_the_ledger(tmp_path: Path) -> None:
    file = pickled(tmp_path, as_a_notebook_leaves_it())
    rows(tmp_path, RIDES.assign(duration=MINUTES))
    given = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "200"}

    def told(*arguments: str, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "threeways", *arguments], cwd=tmp_path, env=given | more,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    pinned = told("digest", file.name).strip()
    told("import", file.name, "--name", "trips", "--examples", "rows.parquet", "--sha256", pinned)
    asked = ("--events", "rows.parquet", "--actual", "duration", "--n", "0", "--poison", "0")
    told("run", *asked, MODEL_LOCATION="models:/trips@champion")
    ledger = json.loads((tmp_path / ".local" / "last-run.json").read_text())
    assert (ledger["predicted"], ledger["lost"], ledger["model_uri"]) == (200, 0, "models:/trips/1")
    assert ledger["error"]["rmse"] < 1e-3
