"""Track how far a shard is done, in whatever order its lanes finish.

docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html describes one checkpoint a
shard. With several lanes it is the highest number up to which everything is done; records that are done
beyond it are not sent again while the mapping runs (AWS sends them again after a restart).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock


class Progress:
    """The sequence numbers of one shard that were read and are not done. Thread-safe.

    Its size is bounded by the read-ahead, not by how far a lane is behind.
    """

    def __init__(self) -> None:
        self._outstanding: OrderedDict[str, str | None] = OrderedDict()  # number -> the one read before it
        self._last: str | None = None
        self._ended = False
        self._lock = Lock()

    @property
    def checkpoint(self) -> str | None:
        """The last sequence number up to which everything is done; None: nothing yet."""
        with self._lock:
            return next(iter(self._outstanding.values()), self._last)

    @property
    def complete(self) -> bool:
        """Whether the shard was read to its end and everything on it is done."""
        with self._lock:
            return self._ended and not self._outstanding

    @property
    def untouched(self) -> bool:
        """Whether nothing was read yet."""
        with self._lock:
            return self._last is None

    @property
    def outstanding(self) -> bool:
        """Whether anything was read and is not done."""
        with self._lock:
            return bool(self._outstanding)

    def read(self, numbers: Iterable[str]) -> None:
        """Record that these were read, in the shard's order, each once."""
        with self._lock:
            for number in numbers:
                self._outstanding[number] = self._last
                self._last = number

    def done(self, numbers: Iterable[str]) -> None:
        """Record that these are done. Each was read before, and is reported once."""
        with self._lock:
            for number in numbers:
                del self._outstanding[number]

    def rewind(self) -> None:
        """Forget what was read beyond the checkpoint, whether or not it is done: it is read again."""
        with self._lock:
            if self._outstanding:
                self._last = next(iter(self._outstanding.values()))
                self._outstanding.clear()
                self._ended = False

    def ended(self) -> None:
        """Record that the shard was read to its end."""
        with self._lock:
            self._ended = True
