"""The page for people: two zones, miles and a time in, minutes out. A plain form, without any script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
from litestar import MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler

from threeways.clock import NEW_YORK, new_york_wall_clock
from threeways.errors import InvalidEvent, PermanentError, TransientError
from threeways.web.batcher import Batcher
from threeways.web.html import Page
from threeways.web.metrics import Metrics

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


@dataclass
class Answer:
    """What the page says: `minutes` and when the ride ends, or what is wrong, by field ("" for the whole)."""

    minutes: float | None = None
    ends: datetime | None = None
    notes: list[str] = field(default_factory=list)
    wrong: dict[str, str] = field(default_factory=dict)
    status: int = 200


@cache
def zones() -> Mapping[str, Sequence[Zone]]:
    """All 265 zones by borough, by name within it."""
    found: dict[str, list[Zone]] = {name: [] for name in BOROUGHS.values()}
    lines = files(__name__).joinpath("zones.txt").read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        borough, _, name = line.partition(" ")
        found[BOROUGHS[borough]].append(Zone(number, name))
    return {borough: sorted(inside, key=lambda zone: zone.name) for borough, inside in found.items()}


def route(batcher: Batcher, counts: Metrics) -> HTTPRouteHandler:
    """The page of the ride's task."""
    form = Page("page.html", __name__)

    @get("/", include_in_schema=False, media_type=MediaType.HTML)
    async def page(request: Request[Any, Any, Any]) -> Response[str]:
        """The form, and the answer under it once it was sent."""
        asked = {name: value.strip() for name, value in request.query_params.items()}
        answer = await _answer(batcher, asked) if "pickup" in asked else None
        if answer and answer.minutes is not None:
            counts.predicted(1)
        return form.response(
            answer.status if answer else 200,
            zones=zones(), asked=asked, answer=answer, version=batcher.service.version,
        )  # fmt: skip

    return page


async def _answer(batcher: Batcher, asked: Mapping[str, str]) -> Answer:
    """What the form's fields come to, by the one scoring path."""
    now = datetime.now(UTC)
    ride, wrong = _ride(asked)
    if wrong:
        return Answer(wrong=wrong, status=422)
    payload = msgspec.json.encode({"ride_id": "page", "ride": ride})
    try:
        begins = new_york_wall_clock(ride["pickup_datetime"], now)  # a model by dicts does not look at it
        outcome = await batcher.score(batcher.service.task.decode(payload), now)
    except (PermanentError, TransientError) as error:
        outcome = error
    if isinstance(outcome, InvalidEvent) and "pickup_datetime" in str(outcome):
        return Answer(wrong={"at": "Give a date and a time, such as 2021-02-01T08:15."}, status=422)
    if isinstance(outcome, PermanentError | TransientError):
        again = isinstance(outcome, TransientError)
        return Answer(wrong={"": str(outcome)}, status=503 if again else 422)
    return Answer(
        minutes=outcome.value,
        ends=_later(begins, outcome.value),
        notes=[FLAGS.get(flag, flag) for flag in outcome.flags],
    )


def _later(begins: datetime, minutes: float) -> datetime | None:
    """New York's clock so many minutes later, over a change of the clocks too; None beyond the calendar."""
    try:
        ends = begins.replace(tzinfo=NEW_YORK).astimezone(UTC) + timedelta(minutes=minutes)
        return ends.astimezone(NEW_YORK)
    except OverflowError:
        return None


def _ride(asked: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The ride of the form, and what is wrong with it by field."""
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
