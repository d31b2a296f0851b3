"""Events of any number of rows: one call predicts them all, and an event has one answer of its own."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np
import pytest
from doubles import NOW

from threeways.errors import ModelFailed, SettingsError, UnpredictableEvent
from threeways.scoring import Features, Groups, Scores, Task
from threeways.scoring.service import ModelService


class Order(msgspec.Struct, frozen=True):
    order_id: int
    weights: tuple[float, ...] = ()


class Freight:
    """Ten for each kilogram of a parcel. It raises on NaN, and refuses what is below 0."""

    input_kind = "block"
    info: Any = None

    def __init__(self) -> None:
        self.calls: list[int] = []

    def predict(self, block: Any) -> Any:
        self.calls.append(len(block))
        if np.isnan(block).any():
            raise ValueError("this model cannot do that")
        return block[:, 0] * 10

    def refused(self, block: Any) -> dict[int, UnpredictableEvent]:
        return {int(row): UnpredictableEvent(f"row {row}") for row in np.flatnonzero(block[:, 0] < 0)}

    def unseen(self, block: Any) -> Any:
        return block[:, 0] == 99


def features(orders: Any, _arrived: Any) -> Features[Groups]:
    counts = np.array([len(one.weights) for one in orders])
    rows = np.array([[weight] for one in orders for weight in one.weights]).reshape(-1, 1)
    return Features(Groups(rows, counts), [()] * len(orders))


def summed(answers: Any, orders: Groups) -> Any:
    sums = np.bincount(orders.owners, answers, minlength=len(orders))
    return np.stack([sums, orders.counts.astype(float)], axis=1)


TASK: Task[Any] = Task(
    name="freight", event=Order, id="order_id", example=Order(0, (1.0,)), columns=("weight",),
    features=features, combine=summed, output=Scores(("cost", "parcels"), (float, int)),
)  # fmt: skip


def score(*weights: list[float], task: Task[Any] = TASK) -> tuple[list[Any], Freight]:
    model: Any = Freight()
    events = [Order(number, tuple(one)) for number, one in enumerate(weights)]
    return ModelService(model, task, "v1").score_events(events, [NOW] * len(events)), model


def test_an_event_s_answer_is_made_of_the_answers_for_its_own_rows_by_one_call_a_batch() -> None:
    outcomes, model = score([1, 2, 3], [5], [7, 1])
    assert [one.value for one in outcomes] == [(60.0, 3.0), (50.0, 1.0), (80.0, 2.0)]
    assert model.calls == [6]


def test_an_event_without_rows_has_an_answer_too() -> None:
    outcomes, model = score([], [4], [])
    assert [one.value for one in outcomes] == [(0.0, 0.0), (40.0, 1.0), (0.0, 0.0)]
    outcomes, model = score([], [])
    assert ([one.value for one in outcomes], model.calls) == ([(0.0, 0.0)] * 2, [])


def test_a_row_that_the_model_refuses_costs_its_event_and_no_other() -> None:
    outcomes, _ = score([1], [2, -1, -3], [], [3])
    assert [getattr(one, "value", None) for one in outcomes] == [(10.0, 1.0), None, (0.0, 0.0), (30.0, 1.0)]
    assert str(outcomes[1]) == "row 2"


def test_an_event_that_predict_raises_on_is_found_among_the_others() -> None:
    outcomes, _ = score([1], [2, float("nan")], [], [3, 4])
    assert [getattr(one, "value", None) for one in outcomes] == [(10.0, 1.0), None, (0.0, 0.0), (70.0, 2.0)]
    assert "this event alone" in str(outcomes[1])


def test_an_event_is_flagged_where_one_of_its_rows_is_unseen() -> None:
    outcomes, _ = score([1, 99], [2], [])
    assert [one.flags for one in outcomes] == [("unseen_category",), (), ()]


def test_its_message_and_its_table_are_those_of_the_combined_answer() -> None:
    model: Any = Freight()
    service = ModelService(model, TASK, "v1")
    service.prove()
    scored: Any = service.score([b'{"order_id": 7, "weights": [1, 2]}'], [NOW])
    [message] = service.messages(scored, ["e"])
    assert json.loads(message)["prediction"] == {"cost": 30.0, "parcels": 2.0, "order_id": 7}
    scores = service.score_rows([Order(1, (1.0,)), Order(2)], [NOW] * 2)
    assert {name: one.tolist() for name, one in service.output.table(scores.values).items()} == {
        "cost": [10.0, 0.0],
        "parcels": [1.0, 0.0],
    }


def test_answers_that_are_not_one_an_event_are_refused_at_the_start() -> None:
    model: Any = Freight()
    with pytest.raises(ModelFailed, match=r"combines shape \(2, 1\) for 1 events"):
        ModelService(model, replace(TASK, combine=lambda *_: np.zeros((2, 1))), "v1").prove()


def test_terms_of_several_rows_are_refused() -> None:
    with pytest.raises(SettingsError, match=r"TASK=freight: because=3.*leave `because` out"):
        replace(TASK, because=3)


@pytest.mark.parametrize("events", [[], [0], [2, 0], [1, 1], [3, 2, 1, 0]])
def test_some_events_of_a_batch_keep_their_own_rows(events: list[int]) -> None:
    counts = np.array([2, 0, 3, 1])
    groups = Groups(np.arange(6.0).reshape(-1, 1), counts)
    rows = [[0, 1], [], [2, 3, 4], [5]]
    some: Any = groups[events]
    assert some.rows.ravel().tolist() == [row for event in events for row in rows[event]]
    assert (len(some), some.counts.tolist()) == (len(events), [len(rows[event]) for event in events])
