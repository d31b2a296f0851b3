"""Our reading of the wire format beside the library's own."""

from __future__ import annotations

from typing import Any

import onnx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from threeways.protobuf import RUN, bytes_of, fields, numbers_of, packed, run_of

WHOLE = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(max_size=9)


@st.composite
def attributes(draw: Any) -> onnx.AttributeProto:
    """A message with a number, floats, texts, messages within and lists of whole numbers."""
    made = onnx.AttributeProto(name=draw(TEXT), i=draw(WHOLE), f=draw(st.floats(width=32, allow_nan=False)))
    made.ints.extend(draw(st.lists(WHOLE, max_size=40)))
    made.floats.extend(draw(st.lists(st.floats(width=32, allow_nan=False), max_size=5)))
    made.strings.extend(draw(st.lists(st.binary(max_size=200), max_size=5)))
    for dims in draw(st.lists(st.lists(WHOLE, max_size=4), max_size=3)):
        made.tensors.add(dims=dims, name=draw(TEXT))
    return made


@given(attributes())
def test_every_field_is_what_the_library_wrote(made: onnx.AttributeProto) -> None:
    whole = memoryview(made.SerializeToString())
    found = list(fields(whole))
    assert [str(bytes_of(value), "utf-8") for number, value in found if number == 1] == [made.name]
    assert [signed(value) for number, value in found if number == 3] == [made.i]
    assert [signed(value) for number, value in found if number == 8] == list(made.ints)
    assert [bytes(bytes_of(value)) for number, value in found if number == 9] == list(made.strings)
    tensors = [bytes_of(value) for number, value in found if number == 10]
    assert [bytes(one) for one in tensors] == [one.SerializeToString() for one in made.tensors]
    runs = [
        numbers_of(bytes_of(value)).tolist() for number, value in fields(whole, run_of(8)) if number == RUN
    ]
    assert [one for run in runs for one in run] == list(made.ints)
    assert len(runs) == bool(made.ints)


def signed(value: Any) -> int:
    return int(value) - 2**64 if value >= 2**63 else int(value)


@given(st.lists(WHOLE))
def test_a_packed_list_is_what_the_library_wrote(given_: list[int]) -> None:
    tensor = onnx.TensorProto(int64_data=given_)  # packed, in its definition
    whole = memoryview(tensor.SerializeToString())
    read = [one for number, value in fields(whole) if number == 7 for one in packed(bytes_of(value))]
    assert [signed(one) for one in read] == given_


@given(st.binary(max_size=60) | attributes().map(lambda made: made.SerializeToString()), st.data())
def test_what_the_library_reads_of_any_bytes_we_read_too_or_refuse(whole: bytes, data: Any) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(0, 3)) if whole else 0):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = list(fields(memoryview(bytes(damaged))))
    except ValueError:
        return  # refused: stricter is safe
    made = onnx.AttributeProto()
    try:
        made.ParseFromString(bytes(damaged))
    except DecodeError:
        return  # it will be refused by onnxruntime's own
    within = [value for number, value in found if number == 6 and not isinstance(value, int)]
    assert bool(within) == made.HasField("g")  # a graph is never hidden from us
    assert sum(number == 10 and not isinstance(value, int) for number, value in found) == len(made.tensors)
    assert sum(number == 11 and not isinstance(value, int) for number, value in found) == len(made.graphs)


@pytest.mark.parametrize("fixed", [b"\x35none", b"\x31" + bytes(8)], ids=["four bytes", "eight bytes"])
def test_a_field_in_four_or_eight_bytes_is_to_us_as_to_the_library_no_message(fixed: bytes) -> None:
    assert not onnx.AttributeProto.FromString(fixed).HasField("g")  # its number is 6
    assert list(fields(fixed)) == []
    with pytest.raises(ValueError, match="are left"):
        list(fields(fixed[:-1]))


def test_the_values_of_bytes_are_bytes_and_of_a_view_views() -> None:
    assert list(fields(b"\x08\x07\x12\x01a")) == [(1, 7), (2, b"a")]
    assert list(fields(memoryview(b"\x12\x01a"))) == [(2, memoryview(b"a"))]
    assert type(next(fields(b"\x12\x01a"))[1]) is bytes


@pytest.mark.parametrize(
    "whole",
    [b"\x00\x01", b"\x03", b"\x0b\x0c", b"\x07", b"\x0a\x05ab", b"\x80", b"\x08" + b"\xff" * 10, b"\x09abc",
     b"\xba\x80\x80\x80\x10\x00"],
    ids=["field 0", "field 0, a group", "a group", "wire 7", "too short", "no end", "too long",
         "half a number",
         "a field beyond 32 bits"],
)  # fmt: skip
def test_bytes_that_are_no_message_are_an_error(whole: bytes) -> None:
    with pytest.raises(ValueError, match=r"byte|number"):
        list(fields(memoryview(whole)))
