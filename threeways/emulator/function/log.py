"""Read a function's output line by line until its process ends."""

from __future__ import annotations

import codecs
import io
import os
import selectors
import socket
from collections.abc import Buffer, Callable, Iterator
from threading import Thread
from typing import IO

LONGEST_LINE = 256 * 1024
"""The limit in bytes; a longer line is split, as CloudWatch limits the size of an event, too."""
_AFTER_THE_END = 1024 * 1024
"""The largest buffer of a pipe (Linux's pipe-max-size), to be read after its process has died."""


class LogReader:
    """Reads a pipe in its own thread until it has no more writers, or until `finish`.

    on_line: called from that thread with each line, without its end; it must not raise.
    """

    def __init__(self, output: IO[bytes], on_line: Callable[[str], None], name: str) -> None:
        self._on_line = on_line
        finishing, self._finish = socket.socketpair()
        self._thread = Thread(target=self._read, args=(output, finishing), name=name, daemon=True)
        self._thread.start()

    def finish(self, patience: float) -> None:
        """Read what the pipe still holds and close it. Call it when the process is dead.

        Another process that has the pipe open, left behind by the function, is not waited for.
        patience: the limit in seconds on waiting for `on_line`. Idempotent.
        """
        self._finish.close()
        self._thread.join(patience)

    def _read(self, output: IO[bytes], finishing: socket.socket) -> None:
        with output, finishing, io.BufferedReader(_FinishablePipe(output, finishing)) as reader:
            for line in _lines(reader):
                for part in line.split("\r"):  # awslambdaric separates a traceback's lines by \r
                    self._on_line(part)


class _FinishablePipe(io.RawIOBase):
    """A pipe that ends with its last writer, or when empty once the other end of `finishing` is closed."""

    def __init__(self, output: IO[bytes], finishing: socket.socket) -> None:
        self._output, self._finishing = output.fileno(), finishing.fileno()
        self._left = _AFTER_THE_END  # limits what another writer can add meanwhile
        self._selector = selectors.DefaultSelector()
        for end in (self._output, self._finishing):
            self._selector.register(end, selectors.EVENT_READ)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        ready = {key.fd for key, _ in self._selector.select()}
        if self._finishing in ready:
            if self._output not in ready or self._left <= 0:
                return 0
            self._left -= len(view)
        piece = os.read(self._output, len(view))
        view[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        if not self.closed:
            self._selector.close()
        super().close()


def _lines(reader: IO[bytes]) -> Iterator[str]:
    """Yield lines without their ends, of at most LONGEST_LINE bytes, without splitting a character."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    begins = True
    while raw := reader.readline(LONGEST_LINE):
        ends = raw.endswith(b"\n") or len(raw) < LONGEST_LINE
        text = decoder.decode(raw, final=ends).rstrip("\r\n")
        if text or begins:  # the end of a line whose pieces were yielded is not another line
            yield text
        begins = ends
