"""What a function prints, line by line, for as long as its process is there and no longer."""

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
"""Bytes of a line that are kept at once: a longer one comes in pieces; CloudWatch bounds an event, too."""
_AFTER_THE_END = 1024 * 1024
"""Bytes that a pipe holds at the most (Linux's pipe-max-size) of a process that died."""


class LogReader:
    """Reads a pipe from a thread of its own until nobody can write to it, or until `finish`.

    on_line: called from that thread with each line, without its end; it is not to raise.
    """

    def __init__(self, output: IO[bytes], on_line: Callable[[str], None], name: str) -> None:
        self._on_line = on_line
        told, self._teller = socket.socketpair()
        self._thread = Thread(target=self._read, args=(output, told), name=name, daemon=True)
        self._thread.start()

    def finish(self, patience: float) -> None:
        """Call it when the process is dead: hands over what the pipe still holds, and closes it.

        Whoever else has it open, a process that the function left behind, is not waited for.
        patience: seconds at most for `on_line` to take what there is. Idempotent.
        """
        self._teller.close()
        self._thread.join(patience)

    def _read(self, output: IO[bytes], told: socket.socket) -> None:
        with output, told, io.BufferedReader(_UntilTold(output, told)) as reader:
            for line in _lines(reader):
                for part in line.split("\r"):  # awslambdaric parts a traceback's lines so
                    self._on_line(part)


class _UntilTold(io.RawIOBase):
    """A pipe that ends with its writers, or once `told` is closed at its other end and the pipe is empty."""

    def __init__(self, output: IO[bytes], told: socket.socket) -> None:
        self._output, self._told = output.fileno(), told.fileno()
        self._left = _AFTER_THE_END  # so that one who goes on writing can't keep us here
        self._selector = selectors.DefaultSelector()
        for end in (self._output, self._told):
            self._selector.register(end, selectors.EVENT_READ)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        view = memoryview(buffer)
        ready = {key.fd for key, _ in self._selector.select()}
        if self._told in ready:
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
    """Its lines as text without their ends, none longer than LONGEST_LINE, and no character cut in two."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    begins = True
    while raw := reader.readline(LONGEST_LINE):
        ends = raw.endswith(b"\n") or len(raw) < LONGEST_LINE
        text = decoder.decode(raw, final=ends).rstrip("\r\n")
        if text or begins:  # the bare end of a line whose pieces are told is no line
            yield text
        begins = ends
