"""Where quarantined records and failure documents lie: a folder, an S3 prefix, an SQS queue."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from threeways.atomic_files import PART, write_atomic
from threeways.aws import s3
from threeways.errors import LocationError
from threeways.ops import account

FORMS = (
    "give a folder (such as .local/runs/<id>/quarantine), s3://bucket/prefix or an SQS queue's https:// URL"
)
VISIBILITY_SECONDS = 900
"""How long a queue hides a message that is being replayed; after that it may be received once more."""

FOLDER_TRIES = 100
"""How often a file is written whose folder others remove meanwhile: more than there are replays at once."""


class Place(ABC):
    """A collection of objects by key. name: as the user gave it. client: of AWS, for what is not a folder."""

    def __init__(self, name: str, client: Any = None) -> None:
        self.name = name
        self._client = client

    @property
    def real(self) -> bool:
        """Whether it is in somebody's AWS account, and not on this machine."""
        return self._client is not None and account.is_real(self._client)

    @property
    def whose(self) -> str:
        """Which account it is in, for people."""
        return account.whose(self._client) if self._client else "this machine"

    @abstractmethod
    def keys(self) -> list[str]:
        """List the keys of all objects that are there now, in order. Raises LocationError."""

    @abstractmethod
    def uri(self, key: str) -> str:
        """Return an object's name among all places."""

    @abstractmethod
    def read(self, key: str) -> bytes:
        """Return an object's content. Raises LocationError, or FileNotFoundError where it is gone by now."""

    @abstractmethod
    def keep(self, key: str, body: bytes | None) -> None:
        """Keep an object: with this content, put whole or not at all, or None for the one that it has."""

    @abstractmethod
    def remove(self, key: str) -> None:
        """Remove an object; it may be gone already."""


def find(location: str) -> Place:
    """Return the place that a user's word names; nothing is looked at yet. Raises LocationError."""
    scheme, separator, rest = location.partition("://")
    if not separator:
        return Folder(location)
    uri = s3.parse(location)
    if uri:
        return Bucket(uri.bucket, uri.prefix, location)
    if scheme in ("http", "https") and rest.partition("/")[2]:
        return Queue(location)
    raise LocationError(f"{location!r} is no place to read from: {FORMS}")


class Folder(Place):
    """A folder of this machine, with all that is below it, or a single file."""

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.name)

    def keys(self) -> list[str]:
        """Paths from the folder; hidden files and files that are being written are left out."""
        if self.path.is_file():
            return [""]
        if not self.path.is_dir():
            raise LocationError(f"{self.name!r} is not there: {FORMS}")
        with self._named("listed"):
            walked = list(self.path.walk(on_error=_unless_gone))
        found = (folder / name for folder, _, names in walked for name in names)
        files = (path.relative_to(self.path) for path in found if path.is_file())
        return sorted(
            file.as_posix()
            for file in files
            if file.suffix != PART and not any(part.startswith(".") for part in file.parts)
        )

    def uri(self, key: str) -> str:
        """Return a file's path."""
        return str(self.path / key)

    def read(self, key: str) -> bytes:
        """Return a file's content."""
        with self._named("read"):
            return (self.path / key).read_bytes()

    def keep(self, key: str, body: bytes | None) -> None:
        """Replace a file, in its folder anew where another replay has removed that meanwhile."""
        path = self.path / key
        with self._named("written"):
            for tries_left in reversed(range(FOLDER_TRIES if body is not None else 0)):
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_atomic(path, body or b"")
                except (FileNotFoundError, FileExistsError):
                    if not tries_left:
                        raise
                else:
                    return

    def remove(self, key: str) -> None:
        """Delete a file, and the folders below the place that are empty then.

        Other replays may remove the same ones, or write into them, at any time: only the system itself can
        tell whether a folder is empty.
        """
        path = self.path / key
        with self._named("removed"):
            path.unlink(missing_ok=True)
        for folder in path.parents[: len(Path(key).parts) - 1] if key else ():
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                return

    @contextmanager
    def _named(self, done: str) -> Iterator[None]:
        """Raise the system's errors as a LocationError; that a file is gone stays what it is."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            raise LocationError(
                f"{error.filename or self.name} cannot be {done}: {error.strerror}. Mend that (permissions, "
                "room on the disk), and run it again"
            ) from None


def _unless_gone(error: OSError) -> None:
    """Ignore a folder that another replay has removed; raise the error of one that cannot be read."""
    if not isinstance(error, FileNotFoundError):
        raise error


class Bucket(Place):
    """The objects of an S3 bucket under a prefix, which is a folder's path or one object's key."""

    def __init__(self, bucket: str, prefix: str, name: str) -> None:
        super().__init__(name, account.client("s3"))
        self._uri, self._bucket = s3.S3Uri(bucket, prefix), bucket

    def keys(self) -> list[str]:
        """List the objects' keys."""
        prefix, inside = self._uri.prefix, self._uri.folder
        with account.named_faults(f"{self.name} cannot be listed"):
            keys = [found.key for found in s3.objects(self._client, self._bucket, prefix)]
        return [key for key in keys if key == prefix or key.startswith(inside)]

    def uri(self, key: str) -> str:
        """`s3://bucket/key`."""
        return f"{s3.SCHEME}{self._bucket}/{key}"

    def read(self, key: str) -> bytes:
        """Return an object's content."""
        try:
            body: bytes = self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except self._client.exceptions.NoSuchKey:
            raise FileNotFoundError(key) from None
        return body

    def keep(self, key: str, body: bytes | None) -> None:
        """Replace an object: S3 does that at once."""
        if body is not None:
            self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def remove(self, key: str) -> None:
        """Delete an object."""
        self._client.delete_object(Bucket=self._bucket, Key=key)


class Queue(Place):
    """The messages of an SQS queue; a key is a message's id.

    docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html
    """

    def __init__(self, url: str) -> None:
        super().__init__(url, account.client("sqs"))
        self._messages: dict[str, dict[str, Any]] = {}

    def keys(self) -> list[str]:
        """Receive every visible message; others see it again when it is kept, or after 15 minutes."""
        with account.named_faults(f"{self.name} cannot be received from"):
            while found := self._client.receive_message(
                QueueUrl=self.name,
                MaxNumberOfMessages=10,
                VisibilityTimeout=VISIBILITY_SECONDS,
                WaitTimeSeconds=1,
            ).get("Messages"):
                self._messages |= {message["MessageId"]: message for message in found}
        return sorted(self._messages)

    def uri(self, key: str) -> str:
        """Return the queue and the message's id."""
        return f"{self.name}#{key}"

    def read(self, key: str) -> bytes:
        """Return a message's body."""
        body: str = self._messages[key]["Body"]
        return body.encode()

    def keep(self, key: str, body: bytes | None) -> None:  # noqa: ARG002 - the protocol's
        """Make a message visible to others again, as it is: it cannot be changed."""
        handle = self._messages[key]["ReceiptHandle"]
        self._client.change_message_visibility(QueueUrl=self.name, ReceiptHandle=handle, VisibilityTimeout=0)

    def remove(self, key: str) -> None:
        """Delete a message."""
        handle = self._messages[key]["ReceiptHandle"]
        self._client.delete_message(QueueUrl=self.name, ReceiptHandle=handle)
