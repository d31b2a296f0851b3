"""Events made from a signature's input example are like its rows, and valid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from payments_lab import PAYMENTS, logged
from sklearn.dummy import DummyRegressor

from threeways.artifact import mlmodel
from threeways.local_run.events import Source, load
from threeways.local_run.model_choice import example_rows
from threeways.scoring import signature_task
from threeways.scoring.task import Task


def made(folder: Path, count: int = 400) -> tuple[Task[Any], list[dict[str, Any]]]:
    task = signature_task.task_of(mlmodel.read(folder), folder, name="m")
    rows = example_rows(task, folder)
    payloads = list(load(Source(count=count, rows=rows), task, lambda _: None).payloads())
    again = load(Source(count=count, rows=rows), task, lambda _: None).payloads()
    assert payloads == list(again)
    taken, faults = task.decode_all(payloads)
    assert (len(taken), faults) == (count, {})
    return task, [msgspec.json.decode(one) for one in payloads]


def model(folder: Path, frame: Any, **given: Any) -> Path:
    return logged(folder, DummyRegressor().fit(frame, [1.0] * len(frame)), frame, **given)


def test_they_mix_the_rows_of_the_input_example(tmp_path: Path) -> None:
    shown = PAYMENTS[:20]
    _, events = made(model(tmp_path / "m", PAYMENTS, input_example=shown))
    assert [one["id"] for one in events] == list(range(400))
    for name in ("hour", "country", "new"):  # codes and texts: only what the example has
        assert {one[name] for one in events} == set(shown[name].tolist())
    amounts = [one["amount"] for one in events]
    assert shown["amount"].min() <= min(amounts) < max(amounts) <= shown["amount"].max()
    assert len(set(amounts)) > 300


def test_fractions_have_no_more_digits_than_those_of_the_example(tmp_path: Path) -> None:
    frame = PAYMENTS[["amount"]].round(2)
    _, events = made(model(tmp_path / "m", frame, input_example=frame[:10]))
    assert all(round(one["amount"], 2) == one["amount"] for one in events)


def test_values_are_missing_now_and_then_and_only_where_the_signature_allows_it(
    tmp_path: Path,
) -> None:
    frame = PAYMENTS.assign(amount=PAYMENTS["amount"].where(PAYMENTS["hour"] > 5))
    _, events = made(model(tmp_path / "m", frame, input_example=frame[:20].dropna()))
    missing = sum(one["amount"] is None for one in events)
    assert 5 < missing < 60
    assert all(one[name] is not None for one in events for name in ("hour", "country", "new"))


@pytest.mark.parametrize("rows", [1, 10])
def test_a_tensor_s_rows_are_mixed_too(rows: int, tmp_path: Path) -> None:
    block = PAYMENTS[["amount", "amount"]].to_numpy()
    _, events = made(model(tmp_path / "m", block, input_example=block[:rows]))
    assert {len(one["inputs"]) for one in events} == {2}
    assert len({one["inputs"][0] for one in events}) > 200


def test_of_one_row_the_numbers_are_varied_and_without_one_the_types_are(tmp_path: Path) -> None:
    _, events = made(model(tmp_path / "one", PAYMENTS, input_example=PAYMENTS[:1]))
    amount = PAYMENTS["amount"][0]
    assert all(amount / 2 <= one["amount"] <= amount * 1.5 for one in events)
    assert {one["country"] for one in events} == {PAYMENTS["country"][0]}
    _, events = made(model(tmp_path / "none", PAYMENTS))
    assert len({one["amount"] for one in events}) > 300


def test_rows_that_are_no_events_are_left_out(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", PAYMENTS, input_example=PAYMENTS[:5])
    task = signature_task.task_of(mlmodel.read(folder), folder, name="m")
    rows = [{"amount": "x"}, *example_rows(task, folder)]
    events = load(Source(count=50, rows=rows), task, lambda _: None).payloads()
    assert {msgspec.json.decode(one)["country"] for one in events} <= set(PAYMENTS["country"][:5])
