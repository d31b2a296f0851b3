"""Predictions are judged by what was really so, in whatever form a file has the truth."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from parcels_lab import ROWS, TASK, csv, json_lines, parquet

from threeways.errors import DataError
from threeways.local_run.event_rows import ColumnNames, read
from threeways.local_run.judging import judge
from threeways.scoring.outputs import ModelOutput, Scores, Value


def truth(rows: list[dict[str, Any]], folder: Path, output: Any, actual: str, write: Any = csv) -> list[Any]:
    task = dataclasses.replace(TASK, output=output)
    path = write(rows, folder / "rows")
    return list(read(str(path), 0, task, ColumnNames(actual), lambda _: None).truth.tolist())


@pytest.mark.parametrize("write", [csv, json_lines, parquet])
def test_a_number_that_is_read_as_text_is_judged_as_a_number(write: Any, tmp_path: Path) -> None:
    rows = [row | {"took": place + 1.0} for place, row in enumerate(ROWS)]
    found = truth(rows, tmp_path, ModelOutput(Value("value")), "took", write)
    told = [place + 3.0 for place in range(len(ROWS))]
    assert judge(list(zip(told, found, strict=True))).error == {"rmse": 2.0}


@pytest.mark.parametrize("write", [csv, json_lines, parquet])
def test_integer_classes_are_those_of_the_file(write: Any, tmp_path: Path) -> None:
    rows = [row | {"kind": place % 2} for place, row in enumerate(ROWS)]
    found = truth(rows, tmp_path, ModelOutput(Value("value")), "kind", write)
    told = [{"label": place % 2, "probabilities": {"0": 0.5, "1": 0.5}} for place in range(len(ROWS))]
    judged = judge(list(zip(told, found, strict=True)))
    assert judged.error["accuracy"] == 1.0
    assert judged.error["log_loss"] == pytest.approx(0.6931, abs=1e-4)
    assert set(judged.confusion) == {("0", "0"), ("1", "1")}


@pytest.mark.parametrize("write", [csv, json_lines, parquet])
def test_boolean_classes_too(write: Any, tmp_path: Path) -> None:
    rows = [row | {"kind": place % 2 == 0} for place, row in enumerate(ROWS)]
    found = truth(rows, tmp_path, ModelOutput(Value("value")), "kind", write)
    told = [{"label": place % 2 == 0, "probabilities": {"false": 0.5, "true": 0.5}} for place in range(5)]
    assert judge(list(zip(told, found, strict=True))).error["accuracy"] == 1.0


@pytest.mark.parametrize("write", [csv, json_lines, parquet])
@pytest.mark.parametrize("actual", ["minutes,litres", "m, l"])
def test_several_outputs_are_judged_each_by_its_column(actual: str, write: Any, tmp_path: Path) -> None:
    names = [one.strip() for one in actual.split(",")]
    rows = [row | dict(zip(names, (place + 1.0, 2.0), strict=True)) for place, row in enumerate(ROWS)]
    rows[0][names[1]] = None
    found = truth(rows, tmp_path, ModelOutput(Scores(("minutes", "litres"))), actual, write)
    told = [{"minutes": place + 2.0, "litres": 5.0} for place in range(len(ROWS))]
    assert judge(list(zip(told, found, strict=True))).error == {"rmse_minutes": 1.0, "rmse_litres": 3.0}


def test_a_column_for_another_number_of_outputs_is_refused(tmp_path: Path) -> None:
    rows = [row | {"took": 1.0} for row in ROWS]
    with pytest.raises(DataError, match=r"the model answers minutes, litres; name a column for each"):
        truth(rows, tmp_path, ModelOutput(Scores(("minutes", "litres"))), "took")
    with pytest.raises(DataError, match=r"ACTUAL=litres: .*no such column"):
        truth(rows, tmp_path, ModelOutput(Scores(("minutes", "litres"))), "took,litres")


def test_a_column_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ACTUAL=one,one names one twice"):
        truth(ROWS, tmp_path, ModelOutput(Scores(("one", "two"))), "one,one")


def test_truths_that_are_no_class_are_told_and_hide_behind_no_accuracy() -> None:
    told = {"label": "ok", "probabilities": {"fraud": 0.2, "ok": 0.8}}
    none = judge([(told, 12.5), (told, 3)])
    assert (none.error, none.strangers) == ({}, 2)
    some = judge([(told, "ok"), (told, "unheard of")])
    assert (some.error, some.strangers) == ({"accuracy": 0.5}, 1)
    assert judge([(told, "ok"), (told, "fraud")]).strangers == 0
