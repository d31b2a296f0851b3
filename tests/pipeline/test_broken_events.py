"""Broken records are derived from a task's schema, of every kind, and none of them can be scored."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import pytest
from artifact_lab import logged
from doubles import NOW
from msgspec import Meta

from threeways.errors import PermanentError
from threeways.local_run.broken_events import derived, kinds, kinds_for
from threeways.scoring import Features, Task, Value
from threeways.scoring.decoding import Id
from threeways.settings import Settings
from threeways.systems.taxi.duration import task as duration
from threeways.systems.taxi.tip import task as tip


class Order(msgspec.Struct, frozen=True):
    order_id: Id
    weight: float


class Size(Enum):
    SMALL = "s"
    LARGE = "l"


class Place(msgspec.Struct, frozen=True, rename="camel"):
    country_code: Annotated[str, Meta(min_length=2, max_length=2)]
    floor: Annotated[int, Meta(gt=-5, lt=100)]


class Parcel(msgspec.Struct, frozen=True, rename="camel"):
    """With a field of every sort that a schema has."""

    parcel_id: Id
    place: Place | None
    sent: datetime
    size: Size
    paid: bool
    kind: Literal["letter", "box"]
    tags: list[str] = []
    note: str | None = None
    anything: Any = None


def features(events: Any, arrived: Any) -> Features:
    return Features(np.zeros((len(events), 1)), [()] * len(events))


def of(event: type, id_: str, example: Any) -> Task[Any]:
    return Task(
        name="made_up", event=event, id=id_, example=example, columns=("x",), features=features,
        output=Value("y"),
    )  # fmt: skip


ORDERS = of(Order, "order_id", Order(1, 2.5))
PARCELS = of(
    Parcel,
    "parcel_id",
    Parcel("a", Place("NL", 3), datetime(2026, 1, 2, tzinfo=UTC), Size.SMALL, True, "box", ["x"]),
)
TASKS = {"ride_duration": duration, "ride_tip": tip, "flat": ORDERS, "of every sort": PARCELS}


def is_refused(task: Task[Any], data: bytes) -> bool:
    try:
        event = task.decode(data)
    except PermanentError:
        return True
    return bool(task.features([event], [NOW]).faults)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_whatever_the_schema_says_is_wrong_the_task_refuses(task: Task[Any]) -> None:
    made = derived(task)
    assert [kind for kind, data in made.items() if not is_refused(task, data)] == []
    assert kinds(task) == made


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_each_record_is_another_and_the_example_is_none_of_them(task: Task[Any]) -> None:
    made = derived(task)
    assert len(set(made.values())) == len(made)
    assert not is_refused(task, msgspec.json.encode(task.example))


BYTES = (
    "nothing at all", "not JSON", "cut short", "trailing bytes", "not UTF-8", "UTF-16", "a list", "null",
    "not UTF-8 in a field that is ignored", "a thousand brackets", "hundred kilobytes of nothing",
    "brackets without end in a field that is ignored",
)  # fmt: skip
ID = ("missing", "null", "true", "empty", "too long", "beyond its range")
RIDES = (
    "ride missing", "ride.PULocationID missing", "ride.trip_distance missing", "ride.PULocationID as text",
    "ride.DOLocationID as fraction", "ride.DOLocationID beyond its range", "ride.trip_distance NaN",
    "ride.trip_distance beyond a double", "ride.trip_distance below its range", "ride.trip_distance null",
    "ride.pickup_datetime not a date", "ride.pickup_datetime without a time",
    "ride.pickup_datetime before the calendar",
)  # fmt: skip
FLAT = ("weight missing", "weight null", "weight as text", "weight true", "weight a list", "weight NaN")
SORTS = (
    "place missing", "place a list", "place.countryCode too short", "place.countryCode too long",
    "place.floor below its range", "place.floor beyond its range", "sent not a date", "sent without a time",
    "size missing", "size true", "paid as text", "kind as fraction", "tags as text", "note as fraction",
)  # fmt: skip


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (duration, (*BYTES, *(f"ride_id {what}" for what in ID), *RIDES)),
        (tip, (*BYTES, *(f"ride_id {what}" for what in ID), *RIDES)),
        (ORDERS, (*BYTES, *(f"order_id {what}" for what in ID), *FLAT)),
        (PARCELS, (*BYTES, *(f"parcelId {what}" for what in ID), *SORTS)),
    ],
    ids=TASKS,
)
def test_every_kind_is_there(task: Task[Any], expected: tuple[str, ...]) -> None:
    assert set(expected) - kinds(task).keys() == set()


def test_what_a_schema_allows_is_no_broken_record() -> None:
    made = derived(PARCELS)
    for kind in (
        "place null",
        "note missing",
        "note null",
        "tags missing",
        "anything true",
        "size as text x",
    ):
        assert kind not in made
    assert "weight as fraction" not in derived(ORDERS)


def test_only_one_thing_is_wrong_in_a_record() -> None:
    event = json.loads(derived(duration)["ride.PULocationID as text"])
    event["ride"]["PULocationID"] = 130
    assert event == json.loads(msgspec.json.encode(duration.example))


def test_a_text_that_a_task_makes_nothing_of_is_left_out_though_it_is_no_time() -> None:
    class Visit(msgspec.Struct):
        id: Id
        at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

    task = of(Visit, "id", Visit(1, "2026-01-02T03:04:05"))
    assert "at not a date" in derived(task)
    assert "at not a date" not in kinds(task)
    assert "at missing" in kinds(task)


def test_features_that_raise_make_no_broken_record() -> None:
    def raising(events: Any, arrived: Any) -> Features:
        raise TypeError("not mended yet")

    class Visit(msgspec.Struct):
        id: Id
        at: Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

    task = Task(
        name="raises", event=Visit, example=Visit(1, "2026-01-02T03:04:05"), columns=("x",), features=raising,
        output=Value("y"),
    )  # fmt: skip
    assert "at not a date" not in kinds(task)


def test_few_broken_records_are_of_bytes_and_of_fields() -> None:
    few = list(kinds(duration))[:10]
    assert set(few) & set(BYTES)
    assert any("ride_id" in kind for kind in few)
    assert any("missing" in kind for kind in few)


@pytest.mark.parametrize(("model", "reads_pickup"), [("dicts", False), ("linear", True)])
def test_broken_records_are_those_that_the_model_s_input_refuses(model: str, reads_pickup: bool) -> None:
    made = kinds_for(duration, logged(model), Settings())
    assert any(b"yesterday" in data for data in made) is reads_pickup


def test_a_model_that_cannot_be_loaded_is_left_to_the_function(tmp_path: Path) -> None:
    assert kinds_for(duration, tmp_path, Settings()) == list(kinds(duration).values())


def test_for_a_model_of_dicts_what_it_does_not_read_is_not_broken() -> None:
    """Such a record would be predicted, and counted as one under another event's id."""
    taken = duration.for_dicts(None)
    made = kinds(duration, dicts=True)
    for data in made.values():
        with pytest.raises(PermanentError):
            taken.decode(data)
    assert {kind for kind in kinds(duration) if "pickup" in kind}.isdisjoint(made)
    assert "ride.trip_distance below its range" in made
