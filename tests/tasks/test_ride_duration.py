"""The ride event's schema and its features."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from doubles import NOW, ride
from events_lab import KINDS
from hypothesis import given
from hypothesis import strategies as st

from threeways.errors import InvalidEvent, PermanentError, UndecodableEvent
from threeways.systems.taxi.clock import new_york_wall_clock
from threeways.systems.taxi.duration import task
from threeways.systems.taxi.rides import RideColumns, RideEvent, features_of

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
ride_like = st.fixed_dictionaries(
    {},
    optional={
        "ride_id": json_values | st.integers(-(2**70), 2**70),
        "ride": st.fixed_dictionaries(
            {},
            optional={
                name: json_values | st.integers(-(2**40), 2**40)
                for name in ("PULocationID", "DOLocationID", "trip_distance", "pickup_datetime")
            },
        )
        | json_values,
    },
)


def scoreable(payload: bytes) -> bool:
    """Whether the payload has a full row of finite features; anything but a PermanentError fails the test."""
    event, reason = None, ""
    try:
        event = task.decode(payload)
    except PermanentError as error:
        reason = str(error)
    if event is None:
        assert reason
        return False
    features = task.features([event], [NOW])
    sound = not features.faults
    assert np.isfinite(features.block).all() == sound
    return sound


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_permanent_error(payload: bytes) -> None:
    scoreable(payload)


@given(ride_like)
def test_no_json_raises_anything_but_a_permanent_error(event: object) -> None:
    scoreable(json.dumps(event).encode())


@given(st.binary(max_size=12), st.integers(0, 120), st.integers(0, 12))
def test_no_damage_to_a_good_event_raises_anything_but_a_permanent_error(
    junk: bytes, start: int, length: int
) -> None:
    good = ride()
    scoreable(good[:start] + junk + good[start + length :])


@given(st.text(max_size=40) | st.datetimes().map(str) | st.datetimes().map(datetime.isoformat))
def test_no_pickup_text_raises_anything_but_a_permanent_error(text: str) -> None:
    scoreable(ride(pickup_datetime=text))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_poison_is_refused(kind: str) -> None:
    assert not scoreable(KINDS[kind])


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (ride(PULocationID="130"), "$.ride.PULocationID"),
        (ride(DOLocationID=True), "$.ride.DOLocationID"),
        (ride(DOLocationID=2**31), "$.ride.DOLocationID"),
        (ride(distance=-1), "$.ride.trip_distance"),
        (ride().replace(b"3.66", b"1e999"), "$.ride.trip_distance"),
        (ride(ride_id=""), "$.ride_id"),
        (ride(ride_id="x" * 257), "$.ride_id"),
        (ride(ride_id=2**70), "$.ride_id"),
        (b'{"ride_id": 1}', "`ride`"),
        (b"[]", "`$`"),
        (ride(ride_id="\U0001f695" * 129), "$.ride_id"),
    ],
)
def test_a_reason_names_the_field(payload: bytes, place: str) -> None:
    with pytest.raises(InvalidEvent) as raised:
        task.decode(payload)
    assert place in str(raised.value)


@pytest.mark.parametrize(
    ("payload", "place"),
    [
        (ride().replace(b"3.66", b"NaN"), "byte"),
        (b'{"x": "\xff"}', "position 7"),
        (b"", "byte 0"),
        (ride()[:30], "byte 30"),
        (b'{"x": ' + b"[" * 100_000, "too deeply"),
    ],
)
def test_a_reason_names_the_place(payload: bytes, place: str) -> None:
    with pytest.raises(UndecodableEvent) as raised:
        task.decode(payload)
    assert place in str(raised.value)


def test_a_bad_pickup_time_is_named_and_costs_only_its_own_ride() -> None:
    events = [task.decode(ride(n, pickup_datetime=text)) for n, text in enumerate(["2021-02-01", None])]
    features = task.features(events, [NOW, NOW])
    assert list(features.faults) == [0]
    assert "`$.ride.pickup_datetime`" in str(features.faults[0])
    assert np.isfinite(features.block[1]).all()


def test_unknown_fields_are_ignored() -> None:
    assert task.decode(b'{"more": [1], ' + ride(7)[1:]).ride_id == 7


def test_the_block_of_a_ride() -> None:
    features = task.features([task.example], [NOW])
    assert features.block.tolist() == [[130, 205, 130205, 3.66, 8 * 60 + 15, 0]]
    assert features.block.dtype == np.float64
    assert features.flags == [()]


@pytest.mark.parametrize("zone", [0, -1, 266, 999, 2**31 - 1, -(2**31)])
def test_an_unknown_zone_is_flagged_and_mapped_aside(zone: int) -> None:
    event = task.decode(ride(PULocationID=zone))
    features = task.features([event], [NOW])
    assert features.flags == [("unknown_zone",)]
    assert features.block[0, :3].tolist() == [0, 205, 205]


@pytest.mark.parametrize("zone", [1, 263, 264, 265])
def test_tlc_s_own_zones_are_not_flagged(zone: int) -> None:
    assert task.features([task.decode(ride(PULocationID=zone))], [NOW]).flags == [()]


def test_no_two_pairs_of_zones_share_a_key() -> None:
    zones = np.arange(-3, 270)
    pickup, dropoff = (grid.ravel() for grid in np.meshgrid(zones, zones))
    moments = np.full(len(pickup), "2021-02-01T08:15:00", dtype="datetime64[s]")
    block = features_of(RideColumns(pickup, dropoff, np.ones(len(pickup)), moments))
    pairs = {(row[0], row[1]): row[2] for row in block}
    assert len(set(pairs.values())) == len(pairs) == 266 * 266


def test_a_missing_pickup_time_is_the_arrival_in_new_york_and_flagged() -> None:
    features = task.features([task.decode(ride(pickup_datetime=None))], [NOW])
    assert features.block[0, 4:].tolist() == [8 * 60 + 15, 0]
    assert features.flags == [("assumed_pickup_datetime",)]


@pytest.mark.parametrize(
    "text",
    [
        "2021-02-01x08:15:00",
        "2021-02-01/08:15",
        "2021-02-01\x0008:15",
        "2021-02-01T08:15:00\x00",
        "2021-02-01T08:15:00 ",
        "\uff12021-02-01T08:15:00",
        "2021-02-01",
        "2021-02-30T08:15:00",
        "2021-02-01T25:15:00",
        "08:15",
    ],
)
def test_what_is_no_iso_8601_is_refused(text: str) -> None:
    with pytest.raises(InvalidEvent, match="pickup_datetime"):
        new_york_wall_clock(text, NOW)


def test_a_reason_quotes_no_more_of_the_text_than_one_reads() -> None:
    with pytest.raises(InvalidEvent) as raised:
        new_york_wall_clock("x" * 1_000_000, NOW)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("2021-02-01t13:15:00z", "2021-02-01T08:15:00"),
        ("2021-W05-1T08:15:00.123456", "2021-02-01T08:15:00.123456"),
        ("2021-02-01T08:15:00", "2021-02-01T08:15:00"),
        ("2021-02-01 08:15", "2021-02-01T08:15:00"),
        ("20210201T081500", "2021-02-01T08:15:00"),
        ("2021-02-01T13:15:00Z", "2021-02-01T08:15:00"),
        ("2021-07-01T13:15:00+00:00", "2021-07-01T09:15:00"),
        ("2021-02-01T01:15:00+05:30", "2021-01-31T14:45:00"),
        ("2021-11-07T05:30:00Z", "2021-11-07T01:30:00"),
        ("2021-11-07T06:30:00Z", "2021-11-07T01:30:00"),
        ("2021-11-07T01:30:00", "2021-11-07T01:30:00"),
        ("2021-03-14T07:00:00Z", "2021-03-14T03:00:00"),
    ],
)
def test_pickup_times_are_read_as_new_york_s_clock(text: str, local: str) -> None:
    assert new_york_wall_clock(text, NOW) == datetime.fromisoformat(local)


@given(st.datetimes(min_value=datetime(1700, 1, 1), max_value=datetime(2400, 1, 1)))  # noqa: DTZ001 - a wall clock
def test_minute_and_weekday_are_the_calendar_s(moment: datetime) -> None:
    event = RideEvent(1, task.example.ride.__class__(1, 2, 1.0, moment.isoformat()))
    minute, weekday = task.features([event], [NOW]).block[0, 4:]
    assert (minute, weekday) == (moment.hour * 60 + moment.minute, moment.weekday())


def test_features_of_one_ride_do_not_depend_on_its_neighbours() -> None:
    events = [task.decode(ride(n, distance=n / 7, PULocationID=n)) for n in range(300)]
    arrived = [datetime(2021, 2, 1, n % 24, tzinfo=UTC) for n in range(300)]
    together = task.features(events, arrived)
    for position, event in enumerate(events):
        alone = task.features([event], [arrived[position]])
        assert alone.block[0].tobytes() == together.block[position].tobytes()
        assert alone.flags[0] == together.flags[position]


def test_either_zone_and_a_missing_time_are_flagged_together() -> None:
    events = [
        task.decode(ride(1, DOLocationID=0)),
        task.decode(ride(2, DOLocationID=0, pickup_datetime=None)),
    ]
    flags = task.features(events, [NOW, NOW]).flags
    assert flags == [("unknown_zone",), ("unknown_zone", "assumed_pickup_datetime")]


def test_dicts_are_the_earlier_pipeline_s_features() -> None:
    assert task.dicts
    assert task.dicts.rows([task.example]) == [{"PU_DO": "130_205", "trip_distance": 3.66}]
