"""Times in the plain form are read at once as they are one by one."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from threeways.clock import LENGTHS, NO_TIME, PLAIN, plain_times

FORM = "2021-02-28T23:59:59.999999"


def one_by_one(text: str) -> np.datetime64:
    """What Python's own parser makes of a text in the plain form."""
    form = FORM[: len(text)]
    alike = all(
        sign in "T " if mark == "T" else sign in "0123456789" if mark.isdecimal() else sign == mark
        for sign, mark in zip(text, form, strict=True)
    )
    try:
        return np.datetime64(datetime.fromisoformat(text), "us") if alike else np.datetime64("NaT", "us")
    except ValueError:
        return np.datetime64("NaT", "us")


def spoiled(text: str, changes: list[tuple[int, str]]) -> str:
    signs = list(text)
    for place, sign in changes:
        signs[place % len(text)] = sign
    return "".join(signs)


change = st.tuples(
    st.integers(0, 25), st.sampled_from([*"0123456789 TtZ-:./;,+?\x00\x7fé\u0661\U0001f695\ud800"])
)


@pytest.mark.parametrize("length", LENGTHS)
@given(changes=st.lists(st.lists(change, max_size=3), min_size=1, max_size=20))
@example(
    changes=[[], [(5, "1"), (6, "3")], [(0, "0"), (2, "0"), (3, "0")], [(11, "2"), (12, "4")], [(10, " ")]]
)
@example(changes=[[(0, "0"), (2, "0")], [(5, "0"), (6, "2"), (9, "9")], [(17, "6")], [(4, "/")], [(10, "t")]])
def test_a_batch_of_times_is_read_as_each_alone(length: int, changes: list[list[tuple[int, str]]]) -> None:
    texts = [spoiled(FORM[:length], some) for some in changes]
    found = plain_times(texts, length)
    assert [str(time) for time in found] == [str(one_by_one(text)) for text in texts]


def test_what_is_to_have_no_time_has_none() -> None:
    assert np.isnat(plain_times([NO_TIME, FORM[:PLAIN]], PLAIN)).tolist() == [True, False]
