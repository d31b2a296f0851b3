"""A batch is decoded as each of its events is alone: the same event, or the same reason."""

from __future__ import annotations

import bz2
import gzip
import json
import zlib
from base64 import b64encode
from typing import Any

import pytest
from doubles import ride
from events_lab import KINDS
from hypothesis import given
from hypothesis import strategies as st

from threeways.errors import PermanentError, UndecodableEvent
from threeways.scoring.decoding import KEY_LENGTH, JsonEvents
from threeways.systems.taxi.rides import RideEvent

EVENTS = JsonEvents(RideEvent, "ride_id")
GIVEN = UndecodableEvent("its data is not base64")

payloads = st.one_of(
    st.integers(0, 9).map(ride),
    st.sampled_from(["r-1", "Queensborough ✓", "\U0001f695" * 128, "\U0001f695" * 129, "x" * 256]).map(ride),
    st.sampled_from(sorted(KINDS)).map(KINDS.__getitem__),
    st.binary(max_size=8),
    st.just(GIVEN),
)


def alone(payload: bytes | PermanentError) -> RideEvent | str:
    """The event, or why there is none."""
    if isinstance(payload, PermanentError):
        return repr(payload)
    try:
        return EVENTS.decode(payload)
    except PermanentError as error:
        return repr(error)


@given(batch=st.lists(payloads, max_size=8))
def test_a_batch_s_events_and_reasons_are_those_of_each_alone(batch: list[Any]) -> None:
    events, faults = EVENTS.decode_all(batch)
    rest = iter(events)
    together = [repr(faults[n]) if n in faults else next(rest) for n in range(len(batch))]
    assert together == [alone(payload) for payload in batch]
    assert next(rest, None) is None


@pytest.mark.parametrize("count", [1, 3])
def test_an_id_of_text_that_is_escaped_must_fit_a_partition_key_too(count: int) -> None:
    taxi = "\U0001f695"
    fits, too_long = (
        json.dumps({**json.loads(ride()), "ride_id": taxi * n}).encode()
        for n in (KEY_LENGTH // 2, KEY_LENGTH // 2 + 1)
    )
    assert fits.isascii()
    events, faults = EVENTS.decode_all([fits] * count)
    assert [event.ride_id for event in events] == [taxi * (KEY_LENGTH // 2)] * count
    assert faults == {}
    events, faults = EVENTS.decode_all([fits] * count + [too_long])
    assert (len(events), list(faults)) == (count, [count])
    assert "UTF-16" in str(faults[count])


@pytest.mark.parametrize(
    ("payload", "named"),
    [
        (gzip.compress(ride()), "compressed with gzip, as CloudWatch Logs"),
        (zlib.compress(ride()), "compressed with zlib"),
        (bz2.compress(ride()), "compressed with bzip2"),
        (ride().decode().encode("utf-16"), "UTF-16"),
        (ride().decode().encode("utf-16-be"), "UTF-16"),
        (b64encode(ride()), "base64 of JSON"),
        (b64encode(gzip.compress(ride())), "base64 of gzip"),
    ],
)
def test_what_is_another_format_is_named_with_what_to_send(payload: bytes, named: str) -> None:
    events, faults = EVENTS.decode_all([ride(1), payload, ride(2)])
    assert [event.ride_id for event in events] == [1, 2]
    assert isinstance(faults[1], UndecodableEvent)
    assert named in str(faults[1])
    assert str(faults[1]).endswith("; send the JSON itself, in UTF-8")


def test_a_byte_order_mark_is_no_part_of_the_event_and_places_in_messages_stay_true() -> None:
    mark = b"\xef\xbb\xbf"
    assert EVENTS.decode(mark + ride(7)) == EVENTS.decode(ride(7))
    assert EVENTS.decode_all([mark + ride(7), ride(8)])[0] == [EVENTS.decode(ride(7)), EVENTS.decode(ride(8))]
    for broken in (mark + b'{"ride_id": !}', b'   {"ride_id": !}'):
        with pytest.raises(UndecodableEvent, match=r"byte 15\)"):
            EVENTS.decode(broken)
    for alone in (mark, mark + mark + ride(7)):
        with pytest.raises(UndecodableEvent):
            EVENTS.decode(alone)
