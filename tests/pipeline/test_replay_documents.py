"""What lies in quarantine and at failure destinations: read as events, and narrowed to some of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from doubles import kinesis_event, ride
from hypothesis import given
from hypothesis import strategies as st
from kpl import aggregated
from replay_lab import ARRIVED, SHARD, entry, failure_document, lines

from threeways.emulator.mapping.document import kinesis_ids
from threeways.ops.replay.documents import Batch, Source, Unreadable, open_source
from threeways.stream.records import Record, from_event

EVENT = kinesis_event([ride(1), aggregated([("a", ride(2), None), ("b", ride(3), None)]), b"junk"])


def no_stream(batch: Batch) -> list[Record]:
    raise AssertionError("nothing is to be fetched")


def opened(body: bytes) -> Source:
    return open_source("key", body, no_stream)


def ids(source: Source) -> list[str]:
    return [record.event_id.removeprefix(f"{SHARD}:") for record in source.records]


def as_object(body: bytes) -> bytes:
    """The same document with its payload as JSON, and not as a text that holds JSON."""
    document = json.loads(body)
    return json.dumps(document | {"payload": json.loads(document["payload"])}).encode()


def in_sns_s_envelope(body: bytes) -> bytes:
    return json.dumps({"Type": "Notification", "MessageId": "1", "Message": body.decode()}).encode()


@pytest.mark.parametrize("form", [bytes, as_object, in_sns_s_envelope])
def test_a_failure_document_is_the_event_it_holds(form: Any) -> None:
    source = opened(form(failure_document(EVENT)))
    assert source.records == from_event(EVENT)
    assert ids(source) == ["1001", "1002:0", "1002:1", "1003"]


def test_a_failure_document_is_narrowed_to_kinesis_records() -> None:
    for form in (bytes, as_object):
        body = form(failure_document(EVENT))
        narrowed = opened(body).rest({f"{SHARD}:1002:1"})
        assert narrowed is not None
        assert ids(opened(narrowed)) == ["1002:0", "1002:1"]
        assert json.loads(narrowed).keys() == json.loads(body).keys()


def test_the_records_that_a_failure_document_names() -> None:
    expected = {f"{SHARD}:{number}" for number in (1001, 1002, 1003)}
    for form in (bytes, as_object):
        assert kinesis_ids(form(failure_document(EVENT))) == expected


def test_quarantine_s_lines_are_narrowed_to_some() -> None:
    entries = [entry(f"{SHARD}:{n}", ride(n)) for n in range(4)]
    source = opened(lines(entries))
    assert ids(source) == ["0", "1", "2", "3"]
    assert source.rest({f"{SHARD}:1", f"{SHARD}:3"}) == lines([entries[1], entries[3]])


def test_one_line_is_enough() -> None:
    assert ids(opened(lines([entry(f"{SHARD}:7:1", ride(1))]))) == ["7:1"]


def test_a_document_without_records_asks_for_them_and_counts_what_is_gone() -> None:
    asked: list[Batch] = []

    def stream(batch: Batch) -> list[Record]:
        asked.append(batch)
        data = aggregated([("a", ride(2), None), ("b", ride(3), None)])
        return [
            Record(f"{SHARD}:{n}", str(n), "k", ARRIVED.timestamp(), d, d)
            for n, d in enumerate([ride(1), data])
        ]

    source = open_source("key", failure_document(None, batchSize=4), stream)
    arn = "arn:aws:kinesis:us-east-2:123456789012:stream/mystream"
    assert asked == [Batch(SHARD, "1", "2", 4, arn)]
    assert (ids(source), source.gone, source.rest(set())) == (["0", "1:0", "1:1"], 2, None)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"\n\n", "neither|empty"),
        (b"some notes", "neither"),
        (b"\xff\xfe", "neither"),
        (b"[" * 100_000, "neither"),
        (b"{}", "neither"),
        (b"[1, 2]", "neither"),
        (lines([entry(f"{SHARD}:1", b"x")]) + b"{}", "neither"),
        (lines([entry(f"{SHARD}:one", b"x")]), "no sequence number"),
        (failure_document({"Records": [{"s3": {}}]}), "no Kinesis event"),
        (failure_document({"Records": "x"}), "no Kinesis event"),
        (failure_document(None, batchSize="many"), "no usable KinesisBatchInfo|without a usable"),
        (failure_document(None, startSequenceNumber="first"), "without a usable"),
        (b'{"KinesisBatchInfo": 5}', "without a usable"),
        (b'{"KinesisBatchInfo": {}, "payload": "x"}', "no Kinesis event"),
        (b'{"KinesisBatchInfo": {}, "payload": 5}', "no Kinesis event"),
    ],
)
def test_anything_else_is_unreadable_and_says_why(body: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        opened(body)


KEYS = st.sampled_from(["KinesisBatchInfo", "payload", "Records", "Message", "kinesis", "eventID", "data"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | KEYS, inner),
    max_leaves=8,
)


@given(
    st.binary(max_size=200) | st.dictionaries(KEYS, json_values).map(lambda value: json.dumps(value).encode())
)
def test_no_object_raises_anything_else(body: bytes) -> None:
    try:
        source = open_source("key", body, lambda batch: [])
    except Unreadable:
        return
    assert isinstance(source.records, list)
