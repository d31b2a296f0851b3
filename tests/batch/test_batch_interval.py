"""Which interval a run is for, across New York's clock changes too."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from threeways.batch.interval import Interval, chosen, last, resume
from threeways.errors import BatchError

ZONE = ZoneInfo("America/New_York")
NOON = datetime(2021, 3, 17, 16, 30, tzinfo=UTC)  # 12:30 in New York, a Wednesday


def wall(*parts: int) -> datetime:
    return datetime(*parts)  # type: ignore[arg-type]  # noqa: DTZ001 - New York's clock, as the job has it


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("hour", wall(2021, 3, 17, 11), wall(2021, 3, 17, 12)),
        ("day", wall(2021, 3, 16), wall(2021, 3, 17)),
        ("week", wall(2021, 3, 8), wall(2021, 3, 15)),
        ("month", wall(2021, 2, 1), wall(2021, 3, 1)),
    ],
)
def test_last_is_the_last_whole_one(unit: str, start: datetime, end: datetime) -> None:
    assert last(unit, NOON, ZONE) == Interval(start, end)


def hours_of(first: datetime, count: int) -> list[Interval]:
    """What an hourly job does at five past each of `count` hours."""
    return [
        last("hour", datetime.fromtimestamp(first.timestamp() + 3600 * n, UTC), ZONE) for n in range(count)
    ]


@pytest.mark.parametrize(
    "day", [datetime(2021, 3, 14, 5, 5, tzinfo=UTC), datetime(2021, 11, 7, 4, 5, tzinfo=UTC)]
)
def test_hourly_runs_leave_no_ride_out_on_the_day_the_clock_changes(day: datetime) -> None:
    found = hours_of(day, 8)
    assert all(one.start is not None and one.start < one.end for one in found)
    assert resume(found) == found[-1].end


def test_the_hour_before_three_in_march_began_at_one() -> None:
    at = datetime(2021, 3, 14, 7, 5, tzinfo=UTC)  # 3:05, five past the hour after 1:59
    assert last("hour", at, ZONE) == Interval(wall(2021, 3, 14, 1), wall(2021, 3, 14, 3))


def test_without_a_word_it_goes_on_where_the_last_success_ended() -> None:
    done = [Interval(None, wall(2021, 3, 1)), Interval(wall(2021, 3, 1), wall(2021, 3, 10, 6))]
    assert chosen(None, None, None, done, NOON, ZONE) == Interval(
        wall(2021, 3, 10, 6), wall(2021, 3, 17, 12, 30)
    )
    assert chosen(None, None, None, [], NOON, ZONE).start is None


def test_a_gap_between_successes_is_not_skipped() -> None:
    done = [Interval(wall(2021, 3, 1), wall(2021, 3, 2)), Interval(wall(2021, 3, 5), wall(2021, 3, 9))]
    assert resume(done) == wall(2021, 3, 2)
    assert resume([*done, Interval(wall(2021, 3, 2), wall(2021, 3, 6))]) == wall(2021, 3, 9)


def test_an_interval_tells_its_ends_as_from_and_to_take_them() -> None:
    told = str(Interval(wall(2021, 3, 1), wall(2021, 3, 17, 12, 30, 7)))
    assert told == "2021-03-01 00:00 to 2021-03-17 12:30:07"
    start, end = told.split(" to ")
    later = datetime(2021, 3, 18, 12, tzinfo=UTC)
    assert chosen(start, end, None, [], later, ZONE) == Interval(
        wall(2021, 3, 1), wall(2021, 3, 17, 12, 30, 7)
    )


def test_a_time_with_an_offset_is_taken_to_new_york() -> None:
    assert chosen("2021-02-01T13:00Z", "2021-02-02", None, [], NOON, ZONE).start == wall(2021, 2, 1, 8)


@pytest.mark.parametrize(
    ("start", "end", "unit", "says"),
    [
        ("2021-02-02", "2021-02-01", None, "not before"),
        ("2021-02-02", "2021-02-02", None, "not before"),
        ("yesterday", None, None, "FROM=yesterday is no date"),
        (None, "2021-02-30", None, "TO=2021-02-30 is no date"),
        ("2021-02-01", None, "day", "leave FROM= and TO= out"),
        (None, None, "year", "hour, day, week, month"),
        ("2021-03-18", None, None, "FROM=2021-03-18 is not before now, 2021-03-17 12:30:00"),
    ],
)
def test_what_is_no_interval_is_refused_with_the_mend(
    start: str | None, end: str | None, unit: str | None, says: str
) -> None:
    with pytest.raises(BatchError, match=says):
        chosen(start, end, unit, [], NOON, ZONE)


def test_an_interval_holds_its_start_and_not_its_end() -> None:
    interval = Interval(wall(2021, 2, 1), wall(2021, 2, 2))
    times = np.array(["2021-01-31T23:59:59.999999", "2021-02-01", "2021-02-02", "NaT"], "datetime64[us]")
    assert interval.mask(times).tolist() == [False, True, False, False]
    assert [interval.holds(one) for one in times[:3].tolist()] == [False, True, False]
