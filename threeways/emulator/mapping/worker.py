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
    """The threads of one shard. buffer: what its reader has read and no lane has taken.

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
        self._shard, self._on_end, self._on_failure = shard, on_end, on_failure
        settings, lanes = work.settings, work.settings.parallelization_factor
        self.buffer = Buffer(settings.batch_size, settings.window, lanes)
        self.reader = Reader(shard, origin, self.buffer, work)
        runs = {
            f"lane-{number}": Lane(shard, origin, self.buffer, work, number).run for number in range(lanes)
        }
        self._threads = [
            Thread(target=self._guarded, args=(run,), name=f"{name}-{shard.id}", daemon=True)
            for name, run in {"reader": self.reader.run, **runs}.items()
        ]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

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
            if self._shard.progress.complete:
                self._on_end()
