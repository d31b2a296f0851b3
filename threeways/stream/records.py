"""Parse Kinesis records from Lambda's event or from the Kinesis API.

The event's form: docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html ("Example event"). A record that the
Kinesis Producer Library has aggregated becomes as many records as its producer put.
"""

from __future__ import annotations

from binascii import a2b_base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, overload

import msgspec

from threeways.errors import InvalidInvocation, UndecodableEvent, without_frames
from threeways.stream.aggregation import MAGIC, MAX_USER_RECORDS, deaggregate, is_aggregated

LAST_SECOND = 253402300800
"""Unix time's year 10000, which is beyond `datetime`."""


def moment(seconds: float) -> datetime:
    """Convert seconds of Unix time to an aware datetime."""
    return datetime.fromtimestamp(seconds, UTC)


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record of a stream, or one user record of an aggregated one.

    event_id: Kinesis's own, "shardId-…:sequence number", with ":sub-sequence number" after it for a user
    record; the same at every redelivery.
    sequence_number: the Kinesis record's, which is what can be reported as unfinished.
    payload: the record's data, or the error of decoding it.
    arrived_at: when the stream received it, in seconds of Unix time, to the millisecond.
    data: the bytes to store if the record must be quarantined.
    """

    event_id: str
    sequence_number: str
    partition_key: str
    arrived_at: float
    data: bytes
    payload: bytes | UndecodableEvent
    source_arn: str = ""

    @property
    def arrived(self) -> datetime:
        """When the stream received it, aware."""
        return moment(self.arrived_at)

    @property
    def shard_id(self) -> str:
        """The shard that it was read from."""
        return self.event_id.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Batch(Sequence[Record]):
    """A columnar batch of records; a single `Record` is created only on access.

    wholes: sequence number -> the aggregated record whose user records are in the batch. later: the Kinesis
    records that follow, for which an invocation has no room beside these.
    """

    event_ids: list[str]
    sequence_numbers: list[str]
    partition_keys: list[str]
    arrived_at: list[float]
    data: Sequence[bytes]
    payloads: Sequence[bytes | UndecodableEvent]
    source_arns: list[str]
    wholes: Mapping[str, Record] = field(default_factory=dict)
    later: Sequence[Record] = ()

    @classmethod
    def of(
        cls,
        records: Iterable[Record],
        wholes: Mapping[str, Record] | None = None,
        later: Sequence[Record] = (),
    ) -> Batch:
        """Create a columnar batch of records."""
        rows = list(records)
        return cls(
            event_ids=[row.event_id for row in rows],
            sequence_numbers=[row.sequence_number for row in rows],
            partition_keys=[row.partition_key for row in rows],
            arrived_at=[row.arrived_at for row in rows],
            data=[row.data for row in rows],
            payloads=[row.payload for row in rows],
            source_arns=[row.source_arn for row in rows],
            wholes=wholes or {},
            later=later,
        )

    def taken(self, positions: Sequence[int]) -> Batch:
        """Return a batch of the records at some positions."""
        numbers = [self.sequence_numbers[position] for position in positions]
        return Batch(
            event_ids=[self.event_ids[position] for position in positions],
            sequence_numbers=numbers,
            partition_keys=[self.partition_keys[position] for position in positions],
            arrived_at=[self.arrived_at[position] for position in positions],
            data=[self.data[position] for position in positions],
            payloads=[self.payloads[position] for position in positions],
            source_arns=[self.source_arns[position] for position in positions],
            wholes={number: self.wholes[number] for number in numbers if number in self.wholes},
        )

    def __len__(self) -> int:
        return len(self.event_ids)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self[position] for position in range(*index.indices(len(self)))]
        return Record(
            event_id=self.event_ids[index],
            sequence_number=self.sequence_numbers[index],
            partition_key=self.partition_keys[index],
            arrived_at=self.arrived_at[index],
            data=self.data[index],
            payload=self.payloads[index],
            source_arn=self.source_arns[index],
        )


type _Number = Annotated[str, msgspec.Meta(pattern="^[0-9]+$")]


class _Kinesis[Data, Number](msgspec.Struct, gc=False):
    data: Data
    sequence_number: Number = msgspec.field(name="sequenceNumber")
    partition_key: str = msgspec.field(name="partitionKey")
    arrived: Annotated[float, msgspec.Meta(ge=0, lt=LAST_SECOND)] = msgspec.field(
        name="approximateArrivalTimestamp"
    )


class _EventRecord[Data, Number](msgspec.Struct, gc=False):
    kinesis: _Kinesis[Data, Number]
    event_id: str = msgspec.field(name="eventID")
    source_arn: str = msgspec.field(name="eventSourceARN", default="")


class _Event[Data, Number](msgspec.Struct):
    records: list[_EventRecord[Data, Number]] = msgspec.field(name="Records")


def from_event(event: object) -> list[Record]:
    """Parse the event with which AWS Lambda calls a Kinesis consumer.

    Raises InvalidInvocation for any other event: nothing in it can be checkpointed then.
    """
    return [part for record in _whole_batch(event) for part in deaggregated(record)]


def batch_of(event: object) -> Batch:
    """Parse a Lambda event into a columnar batch of at most MAX_USER_RECORDS, the first ones."""
    batch = _whole_batch(event)
    whole = b"".join(batch.data)
    if len(batch) <= MAX_USER_RECORDS and (
        whole.isascii() or MAGIC not in whole  # isascii is fast, and true of almost all JSON
    ):
        return batch
    parts: list[Record] = []
    wholes: dict[str, Record] = {}
    for position, record in enumerate(batch):
        users = list(deaggregated(record))
        if len(parts) + len(users) > MAX_USER_RECORDS:
            return Batch.of(parts, wholes, later=batch[position:])
        parts += users
        if users and users[0].event_id != record.event_id:
            wholes[record.sequence_number] = record
    return Batch.of(parts, wholes)


def _whole_batch(event: object) -> Batch:
    """Parse a Lambda event without deaggregating its records."""
    batch = _quickly(event)
    return Batch.of(_thoroughly(event)) if batch is None else batch


def _quickly(event: object) -> Batch | None:
    """Parse an event in AWS's usual form; return None for any deviation, which `_thoroughly` explains."""
    try:
        records = msgspec.convert(event, _Event[bytes, str]).records
    except msgspec.ValidationError:
        return None
    inner = [record.kinesis for record in records]
    numbers = [kinesis.sequence_number for kinesis in inner]
    if numbers and not (all(numbers) and "".join(numbers).encode(errors="replace").isdigit()):
        return None
    data = [kinesis.data for kinesis in inner]
    return Batch(
        event_ids=[record.event_id for record in records],
        sequence_numbers=numbers,
        partition_keys=[kinesis.partition_key for kinesis in inner],
        arrived_at=[kinesis.arrived for kinesis in inner],
        data=data,
        payloads=data,
        source_arns=[record.source_arn for record in records],
    )


def _thoroughly(event: object) -> list[Record]:
    """Parse any event, record by record. Raises InvalidInvocation."""
    try:
        given = msgspec.convert(event, _Event[str, _Number]).records
    except msgspec.ValidationError as error:
        raise InvalidInvocation(f"this is not an event of a Kinesis event source mapping: {error}") from None
    return [_from_event_record(record) for record in given]


def from_kinesis(records: Iterable[dict[str, Any]], shard_id: str, stream_arn: str = "") -> list[Record]:
    """Convert the records of a `GetRecords` answer, read from one shard.

    Form: docs.aws.amazon.com/kinesis/latest/APIReference/API_Record.html
    """
    return [part for record in whole_records(records, shard_id, stream_arn) for part in deaggregated(record)]


def whole_records(records: Iterable[dict[str, Any]], shard_id: str, stream_arn: str = "") -> list[Record]:
    """Convert the records of a `GetRecords` answer without deaggregating them."""
    return [
        Record(
            event_id=f"{shard_id}:{record['SequenceNumber']}",
            sequence_number=record["SequenceNumber"],
            partition_key=record["PartitionKey"],
            arrived_at=record["ApproximateArrivalTimestamp"].timestamp(),
            data=record["Data"],
            payload=record["Data"],
            source_arn=stream_arn,
        )
        for record in records
    ]


def kinesis_id(event_id: str) -> str:
    """Return the Kinesis record's id: the event's id without a sub-sequence number."""
    return ":".join(event_id.split(":", 2)[:2])


def deaggregated(record: Record) -> Iterator[Record]:
    """Yield the user records of an aggregated record, or the record itself if it is not aggregated.

    A record with a broken aggregation is kept whole, as by the KCL. A user record that comes again (it was
    quarantined and is replayed) is not deaggregated again.
    """
    if not is_aggregated(record.data) or record.event_id != kinesis_id(record.event_id):
        yield record
        return
    try:
        users = deaggregate(record.data)
    except UndecodableEvent as error:
        yield msgspec.structs.replace(record, payload=without_frames(error))
        return
    for number, user in enumerate(users):
        yield msgspec.structs.replace(
            record,
            event_id=f"{record.event_id}:{number}",
            partition_key=user.partition_key,
            data=user.data,
            payload=user.data,
        )


def _from_event_record(record: _EventRecord[str, str]) -> Record:
    kinesis = record.kinesis
    payload: bytes | UndecodableEvent
    try:
        data = payload = a2b_base64(kinesis.data, strict_mode=True)
    except ValueError as error:  # binascii.Error is a ValueError
        data = kinesis.data.encode(errors="surrogatepass")
        payload = UndecodableEvent(f"its data is not base64: {error}")
    return Record(
        event_id=record.event_id,
        sequence_number=kinesis.sequence_number,
        partition_key=kinesis.partition_key,
        arrived_at=kinesis.arrived,
        data=data,
        payload=payload,
        source_arn=record.source_arn,
    )
