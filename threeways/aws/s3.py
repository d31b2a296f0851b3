"""Name places in S3 and list what lies there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SCHEME = "s3://"


class S3Uri(NamedTuple):
    """A bucket and a prefix without slashes around it; the prefix may be empty."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def under(self, *parts: str) -> S3Uri:
        """Name the location of these parts below this one."""
        return S3Uri(self.bucket, "/".join((*filter(None, [self.prefix]), *parts)))

    @property
    def folder(self) -> str:
        """The prefix of everything inside: it ends with a slash, or is empty."""
        return f"{self.prefix}/" if self.prefix else ""


class S3Object(NamedTuple):
    """One object of a listing; `size` in bytes."""

    key: str
    size: int
    etag: str


def plain(text: str) -> str:
    """Write Hadoop's names of S3, `s3a://` and `s3n://`, as `s3://`."""
    return re.sub(r"\bs3[an]?://", SCHEME, text, flags=re.IGNORECASE)


def bucket_and_key(location: str) -> tuple[str, str] | None:
    """Take `s3://bucket/key` apart, the key to the letter; None for what is no such location."""
    bucket, _, key = location.removeprefix(SCHEME).partition("/")
    return (bucket, key) if location.startswith(SCHEME) and bucket else None


def parse(location: str) -> S3Uri | None:
    """Take `s3://bucket/prefix` apart; None for what is no such location."""
    found = bucket_and_key(location)
    return S3Uri(found[0], found[1].strip("/")) if found else None


def objects(client: S3Client, bucket: str, prefix: str) -> Iterator[S3Object]:
    """List the objects whose keys begin with a prefix, in order. Raises boto's errors.

    The empty markers that consoles make for folders are left out.
    """
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if not entry["Key"].endswith("/"):
                yield S3Object(entry["Key"], entry["Size"], entry["ETag"])
