"""The page for people: two zones, miles and a time in, minutes out. A plain form, without any script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from threeways.errors import InvalidEvent
from threeways.scoring.task import Task
from threeways.systems.taxi.clock import NEW_YORK, new_york_wall_clock
from threeways.web.fast_path import Predict
from threeways.web.html import Answer, Page, answer, refusal
from threeways.web.model_info import About

BOROUGHS = {
    "M": "Manhattan", "B": "Brooklyn", "Q": "Queens", "X": "Bronx", "S": "Staten Island",
    "E": "Newark", "?": "Elsewhere",
}  # fmt: skip
FLAGS = {
    "unknown_zone": "One of the zones is not on TLC's map: taken as a ride from or to an unknown place.",
    "assumed_pickup_datetime": "You gave no time, so now was taken.",
}
"""What each flag means to a person."""
FARTHEST, LONGEST_TEXT = 1_000.0, 40


@dataclass(frozen=True)
class Zone:
    """A taxi zone as TLC numbers and names them: nyc.gov/site/tlc/about/tlc-trip-record-data.page."""

    number: int
    name: str


@cache
def zones() -> Mapping[str, Sequence[Zone]]:
    """All 265 zones by borough, by name within it."""
    found: dict[str, list[Zone]] = {name: [] for name in BOROUGHS.values()}
    lines = files(__name__).joinpath("zones.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        borough, _, name = line.partition(" ")
        found[BOROUGHS[borough]].append(Zone(number, name))
    return {borough: sorted(inside, key=lambda zone: zone.name) for borough, inside in found.items()}


def route(task: Task[Any], told: About, predict: Predict) -> HTTPRouteHandler:
    """Return the page of the ride's task."""
    form = Page("page.html", __name__)

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def page(request: Request[Any, Any, Any]) -> Response[str]:
        """Return the form, and the answer above it once it was sent."""
        asked = {name: value.strip() for name, value in request.query_params.items()}
        answered, ends = await _answer(task, predict, asked) if "pickup" in asked else (None, None)
        return form.response(
            answered, ends=ends, zones=zones(), asked=asked, flags=FLAGS, version=told.version
        )

    return page


async def _answer(
    task: Task[Any], predict: Predict, asked: Mapping[str, str]
) -> tuple[Answer, datetime | None]:
    """Return what the form's fields come to, by the one scoring path, and when the ride ends."""
    ride, wrong = _ride(asked)
    if wrong:
        return refusal(wrong), None
    try:  # a model by dicts does not look at it
        begins = new_york_wall_clock(ride["pickup_datetime"], datetime.now(UTC))
    except InvalidEvent:
        return refusal({"at": "Give a date and a time, such as 2021-02-01T08:15."}), None
    payload = msgspec.json.encode({"ride_id": "page", "ride": ride})
    answered = await answer(task, predict, payload, lambda message: {"": message})
    return answered, None if answered.value is None else _later(begins, answered.value)


def _later(begins: datetime, minutes: float) -> datetime | None:
    """Return the time on New York's clock so many minutes later; None beyond the calendar."""
    try:
        ends = begins.replace(tzinfo=NEW_YORK).astimezone(UTC) + timedelta(minutes=minutes)
        return ends.astimezone(NEW_YORK)
    except OverflowError:
        return None


def _ride(asked: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the ride of the form, and what is wrong with it by field."""
    wrong: dict[str, str] = {}
    ride: dict[str, Any] = {"pickup_datetime": asked.get("at", "")[:LONGEST_TEXT] or None}
    for name, key in (("pickup", "PULocationID"), ("dropoff", "DOLocationID")):
        text = asked.get(name, "")
        if text.isascii() and text.isdecimal() and len(text) <= 3:
            ride[key] = int(text)
        else:
            wrong[name] = "Choose a zone."
    try:
        ride["trip_distance"] = float(asked.get("miles", "").replace(",", ".")[:LONGEST_TEXT])
        if not 0 <= ride["trip_distance"] <= FARTHEST:
            raise ValueError
    except ValueError:
        wrong["miles"] = f"Give the miles, a number from 0 to {FARTHEST:,.0f}."
    return ride, wrong
