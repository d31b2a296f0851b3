"""Files in S3, read through boto3: its credentials, its region, and `AWS_ENDPOINT_URL` where it is set.

Without that variable `s3://` is a real AWS account, so `resolved` says where it reads before it does
(docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html).
"""

from __future__ import annotations

import glob
import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING
from urllib.parse import urlsplit

from threeways.aws import clients, errors
from threeways.aws.errors import Fault
from threeways.aws.s3 import bucket_and_key, objects, plain
from threeways.errors import DataError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

__all__ = ["WILDCARDS", "download", "opened", "plain", "resolved"]

WILDCARDS = "*?["
_MENDS = {
    Fault.NO_BUCKET: "check its name",
    Fault.NO_OBJECT: "check the key",
    Fault.NO_NAME: "check it",
    Fault.DENIED: "check the credentials and the bucket's policy",
    Fault.REFUSED: "check the address, the region and the credentials",
    Fault.NO_CREDENTIALS: "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    Fault.UNREACHABLE: "check the network, the region and AWS_ENDPOINT_URL",
}


def resolved(address: str, variable: str, say: Callable[[str], None]) -> list[str]:
    """Return the objects that an address names; wildcards are resolved by listing the key's prefix.

    They mean what they mean on disk: `*` stays within a folder, `**` is any number of folders, and neither
    takes a name that begins with a dot. Raises DataError, beginning with `variable`.
    """
    bucket, key = _bucket_and_key(address, variable)
    with _faults_named(address, variable):
        client = _client()
        say(_whose(address, client.meta.endpoint_url))
        if not any(sign in key for sign in WILDCARDS):
            return [address]
        prefix = key[: min(key.index(sign) for sign in WILDCARDS if sign in key)]
        keys = [found.key for found in objects(client, bucket, prefix)]
    pattern = re.compile(glob.translate(key, recursive=True))
    matches = sorted(found for found in keys if pattern.match(found))
    if not matches:
        raise DataError(f"{variable}: no object matches {address}; check the bucket and the pattern")
    return [f"s3://{bucket}/{found}" for found in matches]


def opened(address: str, variable: str) -> io.BytesIO:
    """Open the object's bytes. Raises DataError, beginning with `variable`."""
    bucket, key = _bucket_and_key(address, variable)
    with _faults_named(address, variable):
        return io.BytesIO(_client().get_object(Bucket=bucket, Key=key)["Body"].read())


def download(address: str, variable: str, file: IO[bytes]) -> None:
    """Write the object's bytes to a file, not all of them in memory at once. Raises DataError."""
    bucket, key = _bucket_and_key(address, variable)
    with _faults_named(address, variable):
        _client().download_fileobj(bucket, key, file)


def _client() -> S3Client:
    made: S3Client = clients.client(
        "s3", own_session=True, connect_timeout=10, read_timeout=60, retries={"max_attempts": 3}
    )
    return made


def _bucket_and_key(address: str, variable: str) -> tuple[str, str]:
    found = bucket_and_key(address)
    if not found or not found[1]:
        raise DataError(f"{variable}: {address} names no object; give s3://bucket/key.parquet")
    return found


def _whose(address: str, endpoint: str) -> str:
    if (urlsplit(endpoint).hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn")):
        return f"{address}: from AWS itself ({endpoint}), with your credentials"
    return f"{address}: from {endpoint}"


@contextmanager
def _faults_named(address: str, variable: str) -> Iterator[None]:
    name = f"{variable}: {address}"
    try:
        with errors.of_s3(name, lambda fault, told: DataError(f"{told}; {_MENDS[fault]}")):
            yield
    except (OSError, ValueError) as error:  # no room for a file; an endpoint that is no URL
        raise DataError(f"{name} can't be read ({error}); check AWS_ENDPOINT_URL") from None
