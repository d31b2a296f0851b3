"""Quarantine: keep records that can never be scored, with their bytes and the reason.

JSON lines on S3, because an object takes records of any size: one object for each invocation, more where
their entries would take more than PART_BYTES. Guarantee: at least once; an entry of a redelivered record
repeats its `source_event_id`.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import msgspec

from threeways.aws import s3
from threeways.aws.calls import Backoff, Deadline, call, is_fatal
from threeways.errors import DeadlineNear, PermanentError, QuarantineFailed, SettingsError
from threeways.stream.records import Record

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

PART_BYTES = 4 * 2**20
"""The size from which an object takes no further entry: an object's body is held in memory."""
MAX_MESSAGE = 1_000
"""The limit on a reason's characters: a record of a megabyte must not have a reason of two."""


class QuarantineEntry(msgspec.Struct, frozen=True):
    """One quarantined record. `data`: the record's bytes, base64 in the JSON. Times are aware, UTC."""

    source_event_id: str
    shard_id: str
    sequence_number: str
    partition_key: str
    arrived: datetime
    code: str
    message: str
    data: bytes
    quarantined: datetime
    event_source_arn: str = ""

    @classmethod
    def of(cls, record: Record, error: PermanentError, now: datetime) -> QuarantineEntry:
        """Create the entry of a record that can never be scored."""
        return cls(
            source_event_id=record.event_id,
            shard_id=record.shard_id,
            sequence_number=record.sequence_number,
            partition_key=record.partition_key,
            arrived=record.arrived,
            code=error.code,
            message=str(error)[:MAX_MESSAGE],
            data=record.data,
            quarantined=now,
            event_source_arn=record.source_arn,
        )


class Quarantine(Protocol):
    """Where records go that can never be scored."""

    def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
        """Store the records, in order; return the number of retries.

        Raises QuarantineFailed, which says how many of them are stored.
        """


def set_aside(
    quarantine: Quarantine, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline
) -> tuple[int, int]:
    """Quarantine records; return how many, the first ones, were accepted, and the retries. Raises nothing."""
    try:
        return len(faults), quarantine.put(faults, deadline)
    except QuarantineFailed as error:
        left = len(faults) - error.stored
        logger.error("%d records are not quarantined: %s", left, error)  # noqa: TRY400 - no traceback
        return error.stored, error.retries
    except Exception:
        logger.exception("%d records are not quarantined", len(faults))
        return 0, 0


class NoQuarantine:
    """No `QUARANTINE_LOCATION`: nothing can be quarantined, so such records stay unfinished."""

    def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:  # noqa: ARG002
        """Raise QuarantineFailed."""
        raise QuarantineFailed(
            f"there is nowhere to put {len(faults)} records that cannot be scored; the first: "
            f"{faults[0][1]}. Set QUARANTINE_LOCATION=s3://bucket/prefix"
        )


class S3Quarantine:
    """Stores records under an S3 prefix, by the hour of their arrival: `<prefix>/YYYY/MM/DD/HH/<name>.jsonl`.

    Which records an object takes, and its name, depends only on the records, so that redelivered ones replace
    their objects.
    """

    def __init__(self, client: S3Client, location: str, backoff: Backoff | None = None) -> None:
        self._client = client
        self._bucket, self._prefix = split_location(location)
        self._backoff = backoff or Backoff()

    def put(self, faults: Sequence[tuple[Record, PermanentError]], deadline: Deadline) -> int:
        """Store all records, object by object, retrying until the deadline."""
        stored = retries = 0
        try:
            for part in _parts(faults, datetime.now(UTC)):
                retries += self._put(part, deadline)
                stored += len(part[0])
        except QuarantineFailed as error:
            raise QuarantineFailed(str(error), retries + error.retries, stored) from error
        return retries

    def _put(self, part: _Part, deadline: Deadline) -> int:
        """Put one object; return the number of retries."""
        entries, body = part
        where = {"Bucket": self._bucket, "Key": f"{self._prefix}{_name(entries)}"}
        retries = 0
        while True:
            try:
                call(
                    self._client.put_object, deadline, **where, Body=body, ContentType="application/x-ndjson"
                )
            except Exception as error:
                if isinstance(error, DeadlineNear) or is_fatal(error):
                    raise QuarantineFailed(f"s3://{'/'.join(where.values())}: {error}", retries) from error
                logger.info("put to quarantine is tried again: %r", error)
                self._wait(retries, deadline, error)
                retries += 1
            else:
                return retries

    def _wait(self, retries: int, deadline: Deadline, cause: Exception) -> None:
        try:
            self._backoff.wait(retries, deadline)
        except DeadlineNear as error:
            reason = f"s3://{self._bucket}: {error}; before that: {cause!r}"
            raise QuarantineFailed(reason, retries) from cause


type _Part = tuple[list[QuarantineEntry], bytes]
"""An object's entries, and its body with them."""


def _parts(faults: Iterable[tuple[Record, PermanentError]], now: datetime) -> Iterator[_Part]:
    """Yield the objects to put, one after the other, so that only one body is held."""
    encode = msgspec.json.Encoder().encode
    entries, body = list[QuarantineEntry](), bytearray()
    for record, error in faults:
        entries.append(QuarantineEntry.of(record, error, now))
        body += encode(entries[-1]) + b"\n"
        if len(body) >= PART_BYTES:
            yield entries, bytes(body)
            entries, body = [], bytearray()
    if entries:
        yield entries, bytes(body)


def _name(entries: Sequence[QuarantineEntry]) -> str:
    first = entries[0]
    ids = hashlib.sha256("\n".join(entry.source_event_id for entry in entries).encode()).hexdigest()
    return f"{first.arrived:%Y/%m/%d/%H}/{first.shard_id}-{first.sequence_number}-{ids[:12]}.jsonl"


def read(client: S3Client, location: str) -> Iterator[tuple[str, QuarantineEntry]]:
    """Yield every entry under a location with its object's key, in the order of the keys."""
    bucket, prefix = split_location(location)
    decoder = msgspec.json.Decoder(QuarantineEntry)
    for found in s3.objects(client, bucket, prefix):
        body = client.get_object(Bucket=bucket, Key=found.key)["Body"].read()
        for entry in decoder.decode_lines(body):
            yield found.key, entry


def split_location(location: str) -> tuple[str, str]:
    """Split `s3://bucket/prefix` into bucket and prefix; a prefix ends in a slash.

    Raises SettingsError.
    """
    uri = s3.parse(location)
    if uri is None:
        raise SettingsError(f"QUARANTINE_LOCATION={location!r} is not of the form s3://bucket/prefix")
    return uri.bucket, uri.folder
