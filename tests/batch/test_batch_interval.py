"""Which interval a run is for, across New York's clock changes too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
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


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("minute", wall(2021, 3, 17, 12, 29), wall(2021, 3, 17, 12, 30)),
        ("10m", wall(2021, 3, 17, 12, 20), wall(2021, 3, 17, 12, 30)),
        ("45 min", wall(2021, 3, 17, 11, 15), wall(2021, 3, 17, 12)),
        ("7m", wall(2021, 3, 17, 12, 23), wall(2021, 3, 17, 12, 30)),  # a day has no whole number of them
        ("6h", wall(2021, 3, 17, 6), wall(2021, 3, 17, 12)),
        ("24h", wall(2021, 3, 16), wall(2021, 3, 17)),
        ("36h", wall(2021, 3, 16), wall(2021, 3, 17, 12)),
        ("2d", wall(2021, 3, 15), wall(2021, 3, 17)),
        ("2 weeks", wall(2021, 3, 1), wall(2021, 3, 15)),
        ("3months", wall(2020, 12, 1), wall(2021, 3, 1)),
        ("14months", wall(2020, 1, 1), wall(2021, 3, 1)),
    ],
)
def test_several_minutes_to_months_are_whole_too(text: str, start: datetime, end: datetime) -> None:
    assert last(text, NOON, ZONE) == Interval(start, end)


@pytest.mark.parametrize(("every", "day"), [(10, 14), (15, 14), (10, 7), (60, 7)])
def test_runs_as_often_as_their_interval_leave_no_time_out_however_late_each_begins(
    every: int, day: int
) -> None:
    began = datetime(2021, 3 if day == 14 else 11, day, 4, tzinfo=UTC)  # a day on which the clock changes
    late = [0, 119, 3, 240, 7]
    moments = [began + timedelta(minutes=every * n, seconds=late[n % 5]) for n in range(300 // every)]
    found = [last(f"{every}m", at, ZONE) for at in moments]
    assert resume(found) == max(one.end for one in found)


@pytest.mark.parametrize("text", ["0m", "m10", "10", "1.5h", "-1d", "10s", "2y", "", "1d2h", "99999d"])
def test_what_is_no_length_is_refused(text: str) -> None:
    with pytest.raises(BatchError, match=r"10m, 6h, 2d, 3w, 2months|give a shorter one"):
        last(text, datetime(2021, 3, 17, tzinfo=UTC), ZONE)


def test_a_zone_of_its_own_parts_the_days_of_a_task() -> None:
    assert last("day", NOON, ZoneInfo("Asia/Kolkata")) == Interval(wall(2021, 3, 16), wall(2021, 3, 17))
    assert last("hour", NOON, ZoneInfo("Asia/Kolkata")) == Interval(
        wall(2021, 3, 17, 21), wall(2021, 3, 17, 22)
    )


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
