"""Folders for parquet output: on this machine or under an S3 prefix, with one writer at a time."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from threeways.atomic_files import write_atomic
from threeways.aws import clients, errors, s3
from threeways.batch.engine import lock_file
from threeways.errors import BatchError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LOCK, LEASE_SECONDS = "_running.json", 900.0
"""Lambda's longest run; a longer one renews its lease with each part."""


@contextmanager
def opened(address: str) -> Iterator[Place]:
    """Hold the folder at a path or `s3://bucket/prefix` by this run alone. Raises BatchError."""
    address = s3.plain(address)
    if not address.startswith(s3.SCHEME):
        if "://" in address:
            raise BatchError(
                f"PREDICTIONS={address} can't be written to; give a folder's path, s3://bucket/prefix, or "
                "sqlite:///path or postgresql://… for a database"
            )
        folder = Path(address).expanduser().absolute()
        busy = f"another batch run is writing to {folder}; wait for its end, or end it, and run again"
        with lock_file(folder / ".lock", busy):
            yield Folder(folder)
        return
    uri = s3.parse(address)
    if uri is None:
        raise BatchError(f"PREDICTIONS={address} names no bucket; give s3://bucket/prefix")
    with _faults(address, ValueError):
        place = Bucket(uri)
    with _faults(address):
        place.claim()
        try:
            yield place
        finally:
            place.remove(LOCK)


class Folder:
    """A folder of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.name = str(folder)

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is none."""
        path = self._folder / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, body: bytes) -> None:
        """Write a small file, whole or not at all."""
        write_atomic(self._folder / name, body)

    def keep(self, name: str, file: Path) -> None:
        """Move a file of this machine here."""
        shutil.move(file, self._folder / name)

    def remove(self, name: str) -> None:
        """Remove a file; one that is gone already is no fault."""
        (self._folder / name).unlink(missing_ok=True)


class Bucket:
    """A prefix of a bucket; `AWS_ENDPOINT_URL` says where, if not AWS."""

    def __init__(self, uri: s3.S3Uri) -> None:
        self._s3: S3Client = clients.client("s3", own_session=True)
        self._bucket, self._prefix = uri.bucket, uri.folder
        self.name = str(uri)

    def claim(self) -> None:
        """Take the lease, by a conditional write that only one of two can win. Raises BatchError.

        docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
        """
        from botocore.exceptions import ClientError

        body = msgspec.json.encode({"until": time.time() + LEASE_SECONDS})
        held = self.read(LOCK)
        if held is not None:
            until = msgspec.json.decode(held)["until"]
            if until > time.time():
                raise BatchError(
                    f"another batch run is writing to {self.name}, or was ended less than 15 minutes ago; "
                    f"wait for its end, or remove {self.name}/{LOCK} if you know that none runs"
                )
            self.remove(LOCK)
        try:
            self._s3.put_object(Bucket=self._bucket, Key=self._prefix + LOCK, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["Error"].get("Code") in {"PreconditionFailed", "ConditionalRequestConflict"}:
                raise BatchError(f"another batch run has just begun to write to {self.name}; wait") from None
            raise

    def read(self, name: str) -> bytes | None:
        """See `Folder`."""
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=self._prefix + name)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None

    def write(self, name: str, body: bytes) -> None:
        """See `Folder`."""
        self._s3.put_object(Bucket=self._bucket, Key=self._prefix + name, Body=body)

    def keep(self, name: str, file: Path) -> None:
        """See `Folder`; the lease is renewed too."""
        self._s3.upload_file(str(file), self._bucket, self._prefix + name)
        file.unlink()
        self.write(LOCK, msgspec.json.encode({"until": time.time() + LEASE_SECONDS}))

    def remove(self, name: str) -> None:
        """See `Folder`."""
        self._s3.delete_object(Bucket=self._bucket, Key=self._prefix + name)


type Place = Folder | Bucket


def _faults(address: str, *also: type[Exception]) -> AbstractContextManager[None]:
    mend = "check the bucket, the credentials, the region and AWS_ENDPOINT_URL"
    return errors.of_s3(f"PREDICTIONS={address}", lambda _, told: BatchError(f"{told}; {mend}"), *also)
