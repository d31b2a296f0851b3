"""A bucket as the artifact needs it: where, what is there, and botocore's errors as ours."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple

from threeways.aws import errors as aws_faults
from threeways.aws.errors import Fault
from threeways.errors import ArtifactError, ArtifactMissing, ArtifactUnreachable, ArtifactUnsupported

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

type S3Factory = Callable[[], S3Client]

SCHEME = "s3://"
MOST_OBJECTS = 10_000
"""More objects than this under one location are no model artifact."""

CONNECTIONS = 16
_MENDS: dict[Fault, tuple[type[ArtifactError], str]] = {
    Fault.NO_BUCKET: (ArtifactMissing, "mend MODEL_LOCATION or MODEL_BUCKET"),
    Fault.NO_OBJECT: (ArtifactMissing, "mend MODEL_LOCATION"),
    Fault.NO_NAME: (ArtifactMissing, "mend MODEL_LOCATION or MODEL_BUCKET"),
    Fault.DENIED: (
        ArtifactUnreachable,
        "allow s3:ListBucket on arn:aws:s3:::{bucket} and s3:GetObject on arn:aws:s3:::{bucket}/*",
    ),
    Fault.REFUSED: (ArtifactUnreachable, "try again, or see what the code means"),
    Fault.NO_CREDENTIALS: (ArtifactUnreachable, "give the function a role, or this shell a profile"),
    Fault.UNREACHABLE: (
        ArtifactUnreachable,
        "check the network (a VPC needs an S3 endpoint), the region and AWS_ENDPOINT_URL",
    ),
}


class S3Uri(NamedTuple):
    """A bucket and a prefix without slashes around it; the prefix may be empty."""

    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}".rstrip("/")

    def under(self, *parts: str) -> S3Uri:
        """The location of these parts below this one."""
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


def parse(location: str) -> S3Uri:
    """`s3://bucket/prefix` taken apart. Raises ArtifactUnsupported if it is none."""
    bucket, _, prefix = location.removeprefix(SCHEME).partition("/")
    if not location.startswith(SCHEME) or not bucket:
        raise ArtifactUnsupported(f"{location!r} is no S3 location; write it as s3://bucket/prefix")
    return S3Uri(bucket, prefix.strip("/"))


def default_client() -> S3Client:
    """A client from the SDK's own configuration, with timeouts that fit a function's start.

    Raises ArtifactUnreachable where that configuration is of no use.
    """
    import boto3
    from botocore.config import Config

    config = Config(
        connect_timeout=3,
        read_timeout=20,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 3},
    )
    mend = "check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL"
    with aws_faults.named(
        lambda error: ArtifactUnreachable(f"there is no client for S3: {error}; {mend}"), ValueError
    ):
        return boto3.client("s3", config=config)


def objects(client: S3Client, uri: S3Uri) -> list[S3Object]:
    """What lies under the location, by key; the empty markers that consoles make for folders left out.

    Raises ArtifactMissing (no bucket), ArtifactUnreachable, or ArtifactUnsupported (too many objects).
    """
    found: list[S3Object] = []
    with errors(uri):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=uri.bucket, Prefix=uri.folder):
            found += [
                S3Object(entry["Key"], entry["Size"], entry["ETag"])
                for entry in page.get("Contents", [])
                if not entry["Key"].endswith("/")
            ]
            if len(found) > MOST_OBJECTS:
                raise ArtifactUnsupported(
                    f"{uri} holds over {MOST_OBJECTS} objects; name the folder that holds the MLmodel itself"
                )
    return sorted(found)


def folders(client: S3Client, uri: S3Uri) -> list[str]:
    """The names of the folders right under the location."""
    names: list[str] = []
    with errors(uri):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=uri.bucket, Prefix=uri.folder, Delimiter="/"
        )
        for page in pages:
            names += [
                entry["Prefix"].removeprefix(uri.folder).rstrip("/")
                for entry in page.get("CommonPrefixes", [])
            ]
    return names


def errors(uri: S3Uri) -> AbstractContextManager[None]:
    """Botocore's exceptions inside become an ArtifactError that tells which of them it was, and the mend."""

    def error_for(fault: Fault, told: str) -> ArtifactError:
        kind, mend = _MENDS[fault]
        return kind(f"{told}; {mend.format(bucket=uri.bucket)}")

    return aws_faults.of_s3(str(uri), error_for)
