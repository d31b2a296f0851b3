"""A thread of a run that can be stopped, and that keeps the error it ended with."""

from __future__ import annotations

import threading
from abc import abstractmethod


class BackgroundThread(threading.Thread):
    """A daemon thread that works until it is done or `_stopping` is set. error: why it ended early."""

    def __init__(self) -> None:
        super().__init__(name=type(self).__name__.lower(), daemon=True)
        self._stopping = threading.Event()
        self.error: Exception | None = None

    @abstractmethod
    def work(self) -> None:
        """Do the thread's work; end soon once `_stopping` is set."""

    def run(self) -> None:
        """Work, and keep the error."""
        try:
            self.work()
        except Exception as error:  # noqa: BLE001 - raised by stop()
            self.error = error

    def end(self) -> None:
        """Let it end; return when it has. Idempotent."""
        self._stopping.set()
        if self.ident is not None:
            self.join()

    def stop(self) -> None:
        """Let it end; raise the error that it ended with, if any."""
        self.end()
        if self.error:
            raise self.error
