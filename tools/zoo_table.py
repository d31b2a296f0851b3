"""Serve each of scikit-learn's regressors and classifiers by its signature, and compare with MLflow's pyfunc.

`python tools/zoo_table.py > docs/models.md` writes the table; it takes minutes. A test compares the two.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")

import mlflow
import msgspec
import numpy as np
import sklearn
import skops.io
import zoo_makers
from mlflow.models import infer_signature

from threeways import artifact, bootstrap
from threeways.artifact.signature import Column
from threeways.artifact.tables import TableTypes
from threeways.errors import ThreewaysError
from threeways.scoring.outcomes import Scored
from threeways.scoring.outputs import Classes
from threeways.settings import Settings
from threeways.training import flavour
from threeways.training.export_rows import table_of

FORMATS = ("skops", "cloudpickle")
_ASKED = 20
"""How many of the rows each model is asked for."""


class Result(NamedTuple):
    """What became of one model in one form and format. served: exactly as pyfunc. why: it was refused."""

    name: str
    kind: str
    form: str
    format: str
    served: bool
    why: str = ""


class Different(AssertionError):
    """A model is served, and answers something else than pyfunc."""


def results(name: str, kind: str, forms: Iterable[str] = tuple(zoo_makers.FORMS)) -> list[Result]:
    """Serve one estimator in each form and format. Raises Different."""
    found = []
    for form in forms:
        fitted, rows = zoo_makers.FORMS[form](name, kind)
        rows = rows[:_ASKED]
        with tempfile.TemporaryDirectory() as scratch, _silent():
            for format_ in FORMATS:
                folder = Path(scratch) / format_
                method = _method(fitted, form)
                _save(fitted, folder, rows, method, format_)
                why = _refused(folder, rows, f"{name}, {form}, {format_}")
                found.append(Result(name, kind, form, format_, why is None, why or ""))
    return found


def _method(fitted: Any, form: str) -> str:
    """Return what is called: a DataFrame's model answers `predict`, an array's `predict_proba` if it can."""
    if "array" in form and callable(getattr(fitted, "predict_proba", None)):
        return (
            "predict"
            if isinstance(fitted.predict_proba(zoo_makers.TABLE[:1].to_numpy()), list)
            else "predict_proba"
        )
    return "predict"


def _save(fitted: Any, folder: Path, rows: Any, method: str, format_: str) -> None:
    given: dict[str, Any] = {"serialization_format": format_}
    if format_ == "skops":
        given["skops_trusted_types"] = skops.io.get_untrusted_types(data=skops.io.dumps(fitted))
    mlflow.sklearn.save_model(
        fitted, str(folder), signature=infer_signature(rows, getattr(fitted, method)(rows)),
        pyfunc_predict_fn=method, pip_requirements=["scikit-learn"], **given,
    )  # fmt: skip


def _refused(folder: Path, rows: Any, what: str) -> str | None:
    """Return why a model is refused; None where it answers as pyfunc does. Raises Different."""
    wanted = np.asarray(mlflow.pyfunc.load_model(str(folder)).predict(rows)).tolist()
    try:
        service = bootstrap.service_of(folder, Settings(model_sha256=artifact.digest(folder)))
    except ThreewaysError as error:
        return str(error).replace(str(folder), "the artifact")
    outcomes = service.score(_payloads(rows), [datetime.now(UTC)] * len(rows))
    faults = [one for one in outcomes if not isinstance(one, Scored)]
    if faults:
        raise Different(f"{what}: an event is refused that pyfunc predicts: {faults[0]}")
    told = [_numbers(service.output, one.value) for one in outcomes if isinstance(one, Scored)]
    if told != [_plain(one) for one in wanted]:
        raise Different(f"{what}: {told} is served, and pyfunc answers {wanted}")
    return None


def _numbers(output: Any, value: Any) -> list[Any]:
    """Return a served value as pyfunc has it: without the label beside its probabilities."""
    if isinstance(output, Classes) and output.method != "predict":
        return list(value[1].values())
    return list(value) if isinstance(value, tuple) else [value]


def _plain(answer: Any) -> list[Any]:
    return answer if isinstance(answer, list) else [answer]


def _payloads(rows: Any) -> list[bytes]:
    if isinstance(rows, np.ndarray):
        return [msgspec.json.encode({"id": at, "inputs": row}) for at, row in enumerate(rows.tolist())]
    return [
        msgspec.json.encode({"id": at} | {key: one for key, one in row.items() if one == one})
        for at, row in enumerate(rows.to_dict("records"))
    ]


@contextmanager
def _silent() -> Iterator[None]:
    """Keep MLflow's, scikit-learn's and this project's warnings off the page."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)


_HEAD = """# Which models are served by their signature

Each regressor and classifier of scikit-learn {version} (`sklearn.utils.all_estimators`) is fitted in four
ways: alone on a DataFrame of numbers; alone on an array; behind a scaler on an array; and by columns, behind
a `ColumnTransformer` that imputes and scales numbers and encodes texts, on a DataFrame with missing values.
It is logged with its signature, as skops and as cloudpickle, and asked for rows as events: with `predict` on
a DataFrame, with `predict_proba` on an array where the model has it.

**served**: every number and label is the one that MLflow's pyfunc answers, bit for bit. *refused*: the
service doesn't start, and says what to do instead: mostly to log the model as cloudpickle and to pin its
digest. No model is served that answers something else. *ONNX*: fitted alone on an array, and by columns, it
is also exact as a graph, for images without scikit-learn ([runtimes.md](runtimes.md)).

This page is written by `python tools/zoo_table.py > docs/models.md`, and a test compares the two.

"""


def onnx(name: str, kind: str) -> bool:
    """Tell whether the estimator, fitted on an array and by columns, passes the gate as a graph."""
    fitted, block = zoo_makers.plain_array(name, kind)
    with _silent():
        try:
            method = _method(fitted, "array")
            if isinstance(flavour.onnx_of(fitted, block, method=method), str):
                return False
            fitted, rows = zoo_makers.by_columns(name, kind)
            types = TableTypes(tuple(_column(rows, one) for one in rows), "frame")
            table = table_of(rows, types.columns, name)
            return not isinstance(flavour.onnx_of(fitted, table, table_types=types), str)
        except Exception:  # noqa: BLE001  (what no graph can be made of is none)
            return False


def _column(rows: Any, name: str) -> Column:
    """Return a column as its signature has it."""
    kind = "double" if rows[name].dtype.kind == "f" else "string"
    return Column(kind, name, not rows[name].isna().any())


def line(name: str, found: Iterable[Result], *, graph: bool) -> str:
    """Return an estimator's row of the table."""
    cells = [_cell([one for one in found if one.format == format_]) for format_ in FORMATS]
    return f"| {name} | {' | '.join(cells)} | {'yes' if graph else ''} |"


def _cell(found: list[Result]) -> str:
    refused = [one for one in found if not one.served]
    if not refused:
        return "served"
    if len(refused) == len(found):
        return f"*refused*: {_short(refused[0].why)}"
    return f"served; *refused* {'; '.join(one.form for one in refused)}: {_short(refused[0].why)}"


def _short(why: str) -> str:
    """Return what is wrong, without the place in the model and the mend."""
    text = " ".join(why.partition("; ")[0].split())
    kind = re.search(r"is an? (\w+) \([\w.]+, by skops' \w+\), which is not on the allow-list", text)
    return f"{kind[1]} is not on skops' allow-list" if kind else text.replace("|", "/")


def share(found: Iterable[Result], format_: str) -> float:
    """Return the share of the estimators that are served in each form."""
    by_name: dict[str, bool] = {}
    for one in found:
        if one.format == format_:
            by_name[one.name] = by_name.get(one.name, True) and one.served
    return sum(by_name.values()) / max(1, len(by_name))


def page(all_of: Callable[[str, str], tuple[list[Result], bool]]) -> str:
    """Return the page as Markdown. all_of: the results and the graph of an estimator by name and kind."""
    parts = [_HEAD.format(version=sklearn.__version__.rpartition(".")[0])]
    for kind in ("regressor", "classifier"):
        lines, found = [], list[Result]()
        for name in zoo_makers.names(kind):
            results_, graph = all_of(name, kind)
            lines.append(line(name, results_, graph=graph))
            found += results_
        skops_, pickled = (f"{share(found, one):.0%}" for one in FORMATS)
        parts.append(
            f"## {kind.capitalize()}s\n\nOf the {len(lines)}, {skops_} are served in every "
            f"form from skops, {pickled} from cloudpickle.\n\n"
            "| | skops | cloudpickle | ONNX |\n|---|---|---|---|\n" + "\n".join(lines) + "\n\n"
        )
    return "".join(parts).rstrip() + "\n"


def examined(name: str, kind: str) -> tuple[list[Result], bool]:
    """Return the results of one estimator, and whether it has a graph."""
    return results(name, kind), onnx(name, kind)


if __name__ == "__main__":
    print(page(examined), end="")
