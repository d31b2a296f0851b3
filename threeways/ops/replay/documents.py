"""What lies in quarantine and at failure destinations, read as the events that it holds.

Quarantine: JSON lines of `QuarantineEntry`. Failure destination: one JSON document a batch, which holds the
whole Lambda event under `payload` on S3, and only the batch's place on its stream on SQS and SNS:
docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec

from threeways.errors import InvalidInvocation
from threeways.stream.quarantine import QuarantineEntry
from threeways.stream.records import Record, deaggregated, from_event, kinesis_id


class Unreadable(Exception):
    """An object that is neither, or whose events cannot be had: it is left where it is."""


class Batch(msgspec.Struct, frozen=True, rename="camel"):
    """Where on a stream a failed batch is: a failure document's `KinesisBatchInfo`."""

    shard_id: str
    start_sequence_number: str
    end_sequence_number: str
    batch_size: int
    stream_arn: str


type Fetch = Callable[[Batch], list[Record]]
"""The Kinesis records of a batch that its stream still holds. Raises Unreadable where it cannot be asked."""


@dataclass(frozen=True)
class Source:
    """One object's events, aggregated records taken apart.

    rest: the ids of the events that are to stay -> the object's content with those alone, or None where that
    cannot be written. gone: how many Kinesis records its stream no longer holds.
    """

    key: str
    records: list[Record]
    rest: Callable[[Collection[str]], bytes | None] = field(repr=False)
    gone: int = 0


def open_source(key: str, body: bytes, fetch: Fetch) -> Source:
    """Return the events of one object. Raises Unreadable."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _quarantined(key, body)
    if isinstance(document, dict) and "KinesisBatchInfo" in document:
        return _fetched(key, document, fetch) if document.get("payload") is None else _given(key, document)
    if isinstance(document, dict) and "DDBStreamBatchInfo" in document:
        raise Unreadable(
            "changes of a table, which are in the table: of a join the sweeper puts their messages, and "
            "nothing is to be replayed. Remove it once no alarm says that messages wait (MessagesWait)"
        )
    if isinstance(document, dict) and "Message" in document:
        return open_source(key, str(document["Message"]).encode(), fetch)  # SNS's envelope
    return _quarantined(key, body)


def entries_of(body: bytes) -> list[QuarantineEntry]:
    """Return the entries of one object of quarantine. Raises Unreadable."""
    try:
        entries: list[QuarantineEntry] = msgspec.json.Decoder(QuarantineEntry).decode_lines(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"neither quarantine's JSON lines nor a failure document: {error}") from None
    if not entries:
        raise Unreadable("it is empty")
    for entry in entries:
        if not entry.sequence_number.isdecimal() or entry.arrived.tzinfo is None:
            raise Unreadable(f"{entry.source_event_id} has no sequence number or no time zone")
    return entries


def _quarantined(key: str, body: bytes) -> Source:
    holds = [(entry, list(deaggregated(_record_of(entry)))) for entry in entries_of(body)]

    def rest(stay: Collection[str]) -> bytes:
        left = [entry for entry, records in holds if any(record.event_id in stay for record in records)]
        return msgspec.json.Encoder().encode_lines(left)

    return Source(key, [record for _, records in holds for record in records], rest)


def _record_of(entry: QuarantineEntry) -> Record:
    return Record(
        event_id=entry.source_event_id,
        sequence_number=entry.sequence_number,
        partition_key=entry.partition_key,
        arrived_at=entry.arrived.timestamp(),
        data=entry.data,
        payload=entry.data,
        source_arn=entry.event_source_arn,
    )


def _given(key: str, document: dict[str, Any]) -> Source:
    """Return the events of a failure document that holds them."""
    payload = document["payload"]
    try:
        event = json.loads(payload) if isinstance(payload, str) else payload
        records = from_event(event)
        if not all(record.sequence_number.isdecimal() for record in records):
            raise Unreadable("a record of its payload has no sequence number")
    except (ValueError, RecursionError, InvalidInvocation) as error:
        raise Unreadable(f"a failure document whose payload is no Kinesis event: {error}") from None

    def rest(stay: Collection[str]) -> bytes:
        whole = {kinesis_id(event_id) for event_id in stay}
        left = [raw for raw in event["Records"] if kinesis_id(raw["eventID"]) in whole]
        narrowed = json.dumps({**event, "Records": left})
        kept = narrowed if isinstance(payload, str) else json.loads(narrowed)
        return json.dumps({**document, "payload": kept}).encode()

    return Source(key, records, rest)


def _fetched(key: str, document: dict[str, Any], fetch: Fetch) -> Source:
    """Return the events of a failure document that only names them."""
    try:
        batch = msgspec.convert(document["KinesisBatchInfo"], Batch)
        int(batch.start_sequence_number), int(batch.end_sequence_number)
    except (msgspec.ValidationError, ValueError) as error:
        raise Unreadable(f"a failure document without a usable KinesisBatchInfo: {error}") from None
    found = fetch(batch)
    records = [part for record in found for part in deaggregated(record)]
    return Source(key, records, lambda _: None, gone=max(0, batch.batch_size - len(found)))
