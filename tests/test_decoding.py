"""A batch is decoded as each of its events is alone: the same event, or the same reason."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doubles import ride
from hypothesis import given
from hypothesis import strategies as st

from threeways.decoding import KEY_LENGTH, JsonEvents
from threeways.errors import PermanentError, UndecodableEvent
from threeways.pipeline.poison import KINDS
from threeways.tasks.ride_duration import RideEvent

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
