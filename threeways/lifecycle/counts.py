"""Records of counts: one small JSON object for each interval of a process, under an S3 prefix or in a folder.

An object's name is that of its interval: one that is put again replaces itself. Read as untrusted: bounded,
and checked against the reference whose bins it counts by.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from threeways.artifact.reference import Reference
from threeways.artifact.reference.structure import CATEGORIES, COLUMNS, Count
from threeways.aws import s3
from threeways.errors import LocationError, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

RECORD_BYTES = 2 * 2**20
"""A thousand columns of twenty bins have 100 KB."""
AT_ONCE = 16
"""Objects that are fetched at a time: a month of minutes of one process has 43,000."""

type Name = Annotated[str, Meta(max_length=1_000)]
type Bin = Annotated[list[Count], Meta(max_length=CATEGORIES + 2)]
type Moment = Annotated[datetime, Meta(tz=True)]


class CountsRecord(msgspec.Struct, frozen=True):
    """What one process scored with one version in one interval.

    id: of the process and its interval. bins: `Reference.bins_id`. rows: scored events; one that was sent
    again counts again. features, predictions: by the reference's columns, then by bin; of texts a sample.
    flags: name -> events. quarantined: reason -> events.
    """

    format: Literal[1]
    id: Name
    task: Name
    model: Name
    version: Name | None
    bins: Annotated[str, Meta(max_length=64)]
    start: Moment
    end: Moment
    rows: Count
    features: Annotated[list[Bin], Meta(max_length=COLUMNS)]
    predictions: Annotated[list[Bin], Meta(max_length=COLUMNS)] = []
    flags: dict[Name, Count] = {}
    quarantined: dict[Name, Count] = {}

    def arrays(self, reference: Reference) -> list[NDArray[np.int64]] | None:
        """Return the counts of features, then predictions; None where they are of other bins."""
        given, columns = [*self.features, *self.predictions], reference.columns
        fits = self.bins == reference.bins_id and list(map(len, given)) == [one.width for one in columns]
        return [np.array(one, dtype=np.int64) for one in given] if fits else None


@dataclass
class Read:
    """Records as they were found. records: each interval once. unreadable: objects that are no record."""

    records: list[CountsRecord] = field(default_factory=list)
    repeated: int = 0
    unreadable: list[str] = field(default_factory=list)


def key_of(prefix: str, record_id: str, start: datetime) -> str:
    """Name the object of an interval. prefix: empty, or with a slash at its end."""
    return f"{prefix}{start:%Y/%m/%d/%H}/{start:%Y%m%dT%H%M%S}-{record_id}.json"


def place_of(location: str) -> s3.S3Uri:
    """Return the bucket and the prefix of COUNTS_LOCATION. Raises SettingsError."""
    uri = s3.parse(location)
    if uri is None:
        raise SettingsError(f"COUNTS_LOCATION={location!r} is not of the form s3://bucket/prefix")
    return uri


def read(location: str, client: Callable[[], S3Client], since: date | None = None) -> Read:
    """Read every record under a folder or `s3://bucket/prefix`. Raises LocationError: it is not there.

    What is no record is listed, not raised: half an object must not hide the others. since: the first day of
    records in S3; None: all.
    """
    bodies = (
        _in_bucket(place_of(location), client(), since)
        if location.startswith(s3.SCHEME)
        else _in_folder(location)
    )
    return collected(bodies)


def collected(bodies: Iterable[tuple[str, bytes]]) -> Read:
    """Return the records of objects: name and bytes. Of two with one id the one that counts more is kept."""
    found, by_id = Read(), dict[str, CountsRecord]()
    decode = msgspec.json.Decoder(CountsRecord).decode
    for name, body in bodies:
        try:
            if len(body) > RECORD_BYTES:
                raise msgspec.ValidationError(f"over {RECORD_BYTES} bytes")
            record = decode(body)
            if not (1971 <= record.start.year <= record.end.year <= 2200 and record.start <= record.end):
                raise msgspec.ValidationError(
                    "its interval ends before it begins, or lies beyond 1971 to 2200"
                )
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            logger.warning("%s is no record of counts: %s", name, error)
            found.unreadable.append(f"{name}: {error}")
            continue
        before = by_id.get(record.id)
        found.repeated += before is not None
        if before is None or before.rows < record.rows:
            by_id[record.id] = record
    found.records = sorted(by_id.values(), key=lambda one: (one.start, one.id))
    return found


def _in_bucket(uri: s3.S3Uri, client: S3Client, since: date | None) -> Iterator[tuple[str, bytes]]:
    def body(key: str) -> tuple[str, bytes]:
        found = client.get_object(Bucket=uri.bucket, Key=key)["Body"].read(RECORD_BYTES + 1)
        return f"s3://{uri.bucket}/{key}", found

    # days before are not listed: "StartAfter", docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
    after = f"{uri.folder}{since:%Y/%m/%d}" if since else f"{uri.folder}0"
    listing = client.get_paginator("list_objects_v2")
    pages = listing.paginate(Bucket=uri.bucket, Prefix=uri.folder, StartAfter=after)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for page in pages:
            keys = [one["Key"] for one in page.get("Contents", [])]
            yield from pool.map(body, [key for key in keys if key.endswith(".json")])


def _in_folder(location: str) -> Iterator[tuple[str, bytes]]:
    folder = Path(location).expanduser()
    if not folder.is_dir():
        raise LocationError(f"COUNTS={location}: there is no such folder; name it, or s3://bucket/prefix")
    for path in sorted(folder.rglob("*.json")):
        if path.is_file():
            with path.open("rb") as file:
                yield str(path), file.read(RECORD_BYTES + 1)
