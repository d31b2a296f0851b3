"""The pointer: an object in S3 that names the model which serves, and is written only conditionally.

Who reads it takes it for hostile: its size, its time, its form and each field are bounded and checked. Who
writes it names the version that it replaces, so that of two who write at once one is refused:
docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from threeways.artifact.interval import IntervalTable
from threeways.aws import errors as aws_errors
from threeways.aws.errors import Fault
from threeways.aws.s3 import S3Uri, bucket_and_key
from threeways.errors import PointerMoved, PointerRefused, PointerUnreachable, SettingsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MOST_BYTES = 256 * 2**10
"""The object's size. One with an interval table of a thousand bins has 60 KB."""
READ_SECONDS = 10.0
"""How long its body may take to arrive, however slowly S3 sends it."""
_CHUNK = 2**14
_MEND = "write it anew: make promote MODEL=models:/name/version POINTER={} FORCE=1 BECAUSE='…'"

type Text = Annotated[str, msgspec.Meta(max_length=1_000)]
type Name = Annotated[str, msgspec.Meta(max_length=256, pattern=r"^[^\x00-\x1f]*$")]
type Digest = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
type Location = Annotated[str, msgspec.Meta(max_length=1_300, pattern=r"^s3://[^/\x00-\x1f]+/[^\x00-\x1f]+$")]


class Named(msgspec.Struct, frozen=True, kw_only=True):
    """A model, as the pointer names it, and who had it serve.

    location: of its artifact. sha256: the artifact's digest. version: what messages name as its version.
    name: as people know it, `models:/name/version`. task: the task's name; "" where the signature makes it.
    interval: the interval table that replaces the artifact's own; None: the artifact's. by, at, because: who
    promoted it, when (ISO 8601, UTC) and why.
    """

    format: Literal[1] = 1
    location: Location
    sha256: Digest
    version: Name
    name: Name
    task: Name
    interval: IntervalTable | None = None
    by: Name
    at: datetime
    because: Text

    def is_same_model(self, other: Named) -> bool:
        """Whether both name the same files."""
        return (self.location, self.sha256) == (other.location, other.sha256)

    def __str__(self) -> str:
        at = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.name} (version {self.version}), promoted by {self.by} at {at}"


class Pointer(Named, frozen=True, kw_only=True):
    """What the object holds. previous: the pointer before it, without its own `previous`."""

    previous: Named | None = None


@dataclass(frozen=True)
class Held:
    """The object as it was read. pointer, etag: None where there is no object."""

    pointer: Pointer | None
    etag: str | None


class PointerStore:
    """The pointer object at `s3://bucket/key`. client: its timeouts bound each wait. seconds: for a body."""

    def __init__(self, client: S3Client, location: str, seconds: float = READ_SECONDS) -> None:
        self.place = place_of(location)
        self._client, self._seconds = client, seconds

    def read(self) -> Held:
        """Read the object. Raises PointerUnreachable, or PointerRefused for one that is no pointer."""
        found = self.read_unless(None)
        assert found is not None  # noqa: S101  (nothing was known)
        return found

    def read_unless(self, etag: str | None) -> Held | None:
        """Read the object unless it is the version of this ETag; None where it is."""
        from botocore.exceptions import ClientError

        known = {} if etag is None else {"IfNoneMatch": etag}
        try:
            with self._errors("read"):
                answer = self._client.get_object(
                    Bucket=self.place.bucket,
                    Key=self.place.prefix,
                    **known,  # type: ignore[arg-type]
                )
                content = self._content(answer)
        except PointerUnreachable as error:
            cause = error.__cause__
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
            if code in {"304", "NotModified"}:
                return None
            if code in {"NoSuchKey", "404"}:
                return Held(None, None)
            raise
        return Held(parse(content, str(self.place), answer["ETag"]), answer["ETag"])

    def write(self, pointer: Pointer, held: Held) -> Held:
        """Replace what was read by a pointer. Raises PointerMoved where another has written meanwhile."""
        from botocore.exceptions import ClientError

        condition = {"IfNoneMatch": "*"} if held.etag is None else {"IfMatch": held.etag}
        content = encode(pointer)
        try:
            with self._errors("written"):
                done = self._client.put_object(
                    Bucket=self.place.bucket,
                    Key=self.place.prefix,
                    Body=content,
                    ContentType="application/json",
                    **condition,  # type: ignore[arg-type]
                )
        except PointerUnreachable as error:
            cause = error.__cause__
            code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else ""
            if code not in {"PreconditionFailed", "412", "ConditionalRequestConflict", "409", "NoSuchKey"}:
                raise
            return self._settled(pointer)
        return Held(pointer, done["ETag"])

    def _settled(self, pointer: Pointer) -> Held:
        """Return what is there if it is this pointer: the answer to a first try was lost. Else tell whose."""
        now = self.read()
        if now.pointer == pointer:
            return now
        who = "it was deleted meanwhile" if now.pointer is None else f"it now names {now.pointer}"
        raise PointerMoved(
            f"{self.place} was written by another meanwhile: {who}. Nothing was changed; look at that, and "
            "do it again if it is still right"
        )

    def _content(self, answer: Any) -> bytes:
        """Read a body within its bounds: one that is too large is not read, a slow one is given up."""
        ends, body = time.monotonic() + self._seconds, answer["Body"]
        size = answer["ContentLength"]
        if size > MOST_BYTES:
            body.close()
            raise PointerRefused(_too_large(self.place, size), answer["ETag"])
        content = b""
        raw = body._raw_stream  # noqa: SLF001  (botocore's own read waits until it has all that was asked for)
        while len(content) <= MOST_BYTES and (part := raw.read1(_CHUNK)):
            content += part
            if time.monotonic() > ends:
                body.close()
                raise PointerUnreachable(
                    f"{self.place} did not arrive within {self._seconds:g} s; check the network"
                )
        if len(content) != size:
            raise PointerUnreachable(f"{self.place} broke off after {len(content)} of {size} bytes")
        return content

    @contextmanager
    def _errors(self, done: str) -> Iterator[None]:
        from urllib3.exceptions import HTTPError

        what = f"the pointer {self.place} cannot be {done}"
        try:
            with aws_errors.of_s3(what, self._error):
                yield
        except (OSError, HTTPError) as error:  # while the body is read
            raise PointerUnreachable(f"{what}: {error}; check the network") from error

    def _error(self, fault: Fault, message: str) -> PointerUnreachable:
        where = f"arn:aws:s3:::{self.place.bucket}"
        fix = {
            Fault.DENIED: f"allow s3:GetObject on {where}/{self.place.prefix} and s3:ListBucket on {where}",
            Fault.NO_BUCKET: "correct the bucket's name in FOLLOW or POINTER",
            Fault.NO_CREDENTIALS: "give the function a role, or this shell a profile",
        }.get(fault, "check the network, the region and AWS_ENDPOINT_URL")
        return PointerUnreachable(f"{message}; {fix}")


def place_of(location: str) -> S3Uri:
    """Return the bucket and key of `s3://bucket/key`. Raises SettingsError."""
    found = bucket_and_key(location)
    if found is None or not found[1] or found[1].endswith("/"):
        raise SettingsError(
            f"{location!r} is no pointer: FOLLOW and POINTER name one object, s3://bucket/champion.json"
        )
    return S3Uri(*found)


def parse(content: bytes, where: str, etag: str | None = None) -> Pointer:
    """Return the pointer that bytes hold. Raises PointerRefused, naming the field."""
    if len(content) > MOST_BYTES:
        raise PointerRefused(_too_large(where, len(content)), etag)
    try:
        pointer = msgspec.json.decode(content, type=Pointer)
        for one in (pointer, pointer.previous):
            if one is not None and one.at.tzinfo is None:
                raise msgspec.ValidationError("`at` has no offset from UTC - at `$.at`")
    except (ValueError, RecursionError) as error:  # msgspec's, among them
        raise PointerRefused(f"{where} is no pointer: {error}; {_MEND.format(where)}", etag) from None
    return pointer


def encode(pointer: Pointer) -> bytes:
    """Return a pointer as the object's bytes. Raises PointerRefused for one that nobody could read."""
    content = msgspec.json.format(msgspec.json.encode(pointer), indent=2) + b"\n"
    parse(content, "the new pointer")
    return content


def now() -> datetime:
    """Return the time to the second, as pointers name it."""
    return datetime.now(UTC).replace(microsecond=0)


def without_previous(pointer: Named) -> Named:
    """Return the same without its own `previous`."""
    return Named(**{name: getattr(pointer, name) for name in Named.__struct_fields__})


def plain(text: str, most: int) -> str:
    """Return a text as a pointer may hold it: without control characters, not too long."""
    return re.sub(r"[\x00-\x1f]+", " ", text).strip()[:most]


def _too_large(where: object, size: int) -> str:
    return f"{where} has {size} bytes, over the {MOST_BYTES} of a pointer; {_MEND.format(where)}"
