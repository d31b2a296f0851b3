"""Read what lies in quarantine and at a failure destination, and keep copies of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from threeways.aws.s3 import objects
from threeways.emulator.mapping.document import kinesis_ids
from threeways.stream.quarantine import QuarantineEntry, split_location

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class ReadBack:
    """What lies in quarantine and at the failure destination: event ids, and why they are there.

    reasons: (code, message) -> how many. folder: where copies of the objects are kept.
    """

    quarantined: frozenset[str]
    abandoned: frozenset[str]
    reasons: Counter[tuple[str, str]]
    folder: Path


def read_back(s3: S3Client, quarantine: str, failures: str | None, folder: Path) -> ReadBack:
    """Read everything, and copy it into a folder. quarantine: a location. failures: a bucket, if any."""
    reasons: Counter[tuple[str, str]] = Counter()
    quarantined = set()
    decoder = msgspec.json.Decoder(QuarantineEntry)
    for body in _copied(s3, *split_location(quarantine), folder / "quarantine"):
        for entry in decoder.decode_lines(body):
            if entry.source_event_id not in quarantined:
                quarantined.add(entry.source_event_id)
                reasons[entry.code, entry.message] += 1
    abandoned: set[str] = set()
    if failures:
        for body in _copied(s3, failures, "", folder / "failures"):
            abandoned |= kinesis_ids(body)
    return ReadBack(frozenset(quarantined), frozenset(abandoned), reasons, folder)


def _copied(s3: S3Client, bucket: str, prefix: str, folder: Path) -> Iterator[bytes]:
    """Copy the objects under a prefix into a folder; yield their bodies."""
    for found in objects(s3, bucket, prefix):
        body = s3.get_object(Bucket=bucket, Key=found.key)["Body"].read()
        target = folder / found.key.removeprefix(prefix)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(body)
        yield body
