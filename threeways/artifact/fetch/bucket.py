"""List an S3 location for an artifact; botocore's exceptions become ArtifactErrors."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from threeways.aws import clients, s3
from threeways.aws import errors as aws_faults
from threeways.aws.errors import Fault
from threeways.aws.s3 import S3Object, S3Uri
from threeways.errors import ArtifactError, ArtifactMissing, ArtifactUnreachable, ArtifactUnsupported

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

type S3Factory = Callable[[], S3Client]

MAX_OBJECTS = 10_000
"""More objects than this under one location are no model artifact."""

CONNECTIONS = 16
_FIXES: dict[Fault, tuple[type[ArtifactError], str]] = {
    Fault.NO_BUCKET: (ArtifactMissing, "correct MODEL_LOCATION or MODEL_BUCKET"),
    Fault.NO_OBJECT: (ArtifactMissing, "correct MODEL_LOCATION"),
    Fault.NO_NAME: (ArtifactMissing, "correct MODEL_LOCATION or MODEL_BUCKET"),
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


def parse(location: str) -> S3Uri:
    """Parse `s3://bucket/prefix`. Raises ArtifactUnsupported if it is malformed."""
    uri = s3.parse(location)
    if uri is None:
        raise ArtifactUnsupported(f"{location!r} is no S3 location; write it as s3://bucket/prefix")
    return uri


def default_client() -> S3Client:
    """Return a client from the SDK's own configuration, with timeouts that fit a function's start.

    Raises ArtifactUnreachable where that configuration is invalid.
    """
    fix = "check AWS_PROFILE, AWS_REGION and AWS_ENDPOINT_URL"
    with aws_faults.named(
        lambda error: ArtifactUnreachable(f"there is no client for S3: {error}; {fix}"), ValueError
    ):
        made: S3Client = clients.client(
            "s3",
            connect_timeout=3,
            read_timeout=20,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": 3},
        )
    return made


def objects(client: S3Client, uri: S3Uri) -> list[S3Object]:
    """List the objects under the location, by key.

    The empty markers that consoles create for folders are left out. Raises ArtifactMissing (no bucket),
    ArtifactUnreachable, or ArtifactUnsupported (too many objects).
    """
    found: list[S3Object] = []
    with errors(uri):
        for one in s3.objects(client, uri.bucket, uri.folder):
            found.append(one)
            if len(found) > MAX_OBJECTS:
                raise ArtifactUnsupported(
                    f"{uri} holds over {MAX_OBJECTS} objects; name the folder that holds the MLmodel itself"
                )
    return sorted(found)


def folders(client: S3Client, uri: S3Uri) -> list[str]:
    """List the names of the folders directly under the location. Raises ArtifactUnsupported for too many."""
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
            if len(names) > MAX_OBJECTS:
                raise ArtifactUnsupported(
                    f"{uri} holds over {MAX_OBJECTS} models; name the one that you mean: MODEL_LOCATION"
                )
    return names


def errors(uri: S3Uri) -> AbstractContextManager[None]:
    """Translate botocore's exceptions inside the block into an ArtifactError that says how to fix it."""

    def error_for(fault: Fault, message: str) -> ArtifactError:
        kind, fix = _FIXES[fault]
        return kind(f"{message}; {fix.format(bucket=uri.bucket)}")

    return aws_faults.of_s3(str(uri), error_for)
