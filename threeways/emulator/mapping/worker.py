"""The threads of one shard: a reader, and as many lanes as the ParallelizationFactor."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

from threeways.emulator.mapping.buffer import Buffer
from threeways.emulator.mapping.lane import Lane, Work
from threeways.emulator.mapping.position import Shard
from threeways.emulator.mapping.reader import Reader
from threeways.emulator.mapping.records import Origin


class ShardWorker:
    """The threads of one shard.

    on_end: called, from one of them, when the shard was read to its end and all of it is done.
    on_failure: called with an exception of a thread, a bug in this program or in a listener.
    """

    def __init__(
        self,
        shard: Shard,
        origin: Origin,
        work: Work,
        *,
        on_end: Callable[[], None],
        on_failure: Callable[[Exception], None],
    ) -> None:
        self.shard = shard
        self._on_end = on_end
        self._on_failure = on_failure
        settings, lanes = work.settings, work.settings.parallelization_factor
        self._buffer = Buffer(settings.batch_size, settings.window, lanes)
        self._reader = Reader(
            shard, origin, self._buffer, work.reporter, settings.batch_size, work.stopping, work.backoff
        )
        parts = [("reader", self._reader.run)]
        parts += [
            (f"lane-{number}", Lane(shard, origin, self._buffer, work, number).run) for number in range(lanes)
        ]
        self._threads = [
            Thread(target=self._guarded, args=(run,), name=f"{name}-{shard.id}", daemon=True)
            for name, run in parts
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    @property
    def waiting(self) -> int:
        """The number of records that were read and are in no batch yet."""
        return len(self._buffer)

    def closed(self) -> None:
        """Record that the shard takes no more records."""
        self._reader.closed()

    def close(self) -> None:
        """Wake all threads to stop."""
        self._buffer.close()

    def join(self) -> None:
        """Wait until all threads have ended."""
        for thread in self._threads:
            thread.join()

    def _guarded(self, run: Callable[[], None]) -> None:
        try:
            run()
        except Exception as error:  # noqa: BLE001 - passed on, and raised by the mapping's methods
            self._on_failure(error)
        else:
            if self.shard.progress.complete:
                self._on_end()
