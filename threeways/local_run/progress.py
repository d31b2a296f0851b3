"""What can be seen of a run while it goes on, from each part's own numbers."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from threeways.local_run.ledger import percentile
from threeways.local_run.waiting import Waiting

if TYPE_CHECKING:
    from threeways.emulator.mapping import EventSourceMapping
    from threeways.local_run.collector import Collector
    from threeways.local_run.producer import Producer

RATE_SECONDS = 3.0


class FunctionLog:
    """Takes the function's log lines: keeps them in a file and adds up the metrics among them.

    totals: by the metrics' names, models that took over and that were refused among them. reasons:
    quarantined events by their code.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        counted = ("Retries", "Quarantined", "Failed", "ModelSwaps", "ModelsRefused")
        self.totals = dict.fromkeys(counted, 0.0)
        self.reasons: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8")

    def __call__(self, line: str) -> None:
        """One line of the function's standard output or error."""
        with self._lock:
            self._file.write(line + "\n")
            if line.startswith("{") and '"_aws"' in line:
                self._add(line)

    def _add(self, line: str) -> None:
        try:
            metrics = json.loads(line)
        except ValueError:
            return  # a line that only looks like metrics is still in the file
        if "reason" in metrics:
            self.reasons[metrics["reason"]] += int(sum(metrics.get("QuarantinedByReason", ())))
        for name in self.totals:
            if name in metrics:
                self.totals[name] += sum(metrics[name])

    def first(self, texts: Sequence[str]) -> str:
        """Return the message of the first line with one of these texts; "" where there is none."""
        with self._lock:
            if not self._file.closed:
                self._file.flush()
        with self.path.open(encoding="utf-8", errors="replace") as lines:
            line = next((one for one in lines if any(text in one for text in texts)), "")
        try:
            return str(json.loads(line)["message"])
        except (ValueError, KeyError, TypeError):  # a line of AWS's own handler
            return line.rpartition("\t")[2].strip()

    def close(self) -> None:
        """Write what is left."""
        with self._lock:
            self._file.close()


@dataclass(frozen=True)
class View:
    """One look at a run. Latencies and ages in seconds; None where there is nothing to tell yet."""

    elapsed: float
    total: int
    sent: int
    back: int
    per_second: float
    latency_p50: float | None
    latency_p99: float | None
    retries: int
    quarantined: int
    iterator_age: float
    batches: int
    redelivered: int
    reads_refused: int = 0
    paused: bool = False


@dataclass
class RunProgress:
    """Views of a run as it goes on, from its parts. The rate is over the last RATE_SECONDS or so."""

    total: int
    producer: Producer
    collector: Collector
    mapping: EventSourceMapping
    log: FunctionLog
    started: float = field(default_factory=time.monotonic)
    _waiting: Waiting = field(default_factory=Waiting)
    _seen: deque[tuple[float, int]] = field(default_factory=lambda: deque([(0.0, 0)]))

    def view(self) -> View:
        """Return the run as it stands."""
        elapsed = time.monotonic() - self.started
        back = len(self.collector.predictions)
        while len(self._seen) > 1 and self._seen[0][0] < elapsed - RATE_SECONDS:
            self._seen.popleft()
        then, back_then = self._seen[0]
        self._seen.append((elapsed, back))
        counts = self.mapping.counts()
        put = self.producer.sent
        latencies = [max(0.0, at - put[id_].at) for id_, at in list(self.collector.recent) if id_ in put]
        return View(
            elapsed=elapsed,
            total=self.total,
            sent=len(self.producer.sent),
            back=back,
            per_second=(back - back_then) / max(elapsed - then, 1e-9),
            latency_p50=percentile(latencies, 50),
            latency_p99=percentile(latencies, 99),
            retries=int(self.log.totals["Retries"]),
            quarantined=int(self.log.totals["Quarantined"]),
            iterator_age=self._waiting.age(put, self.mapping.positions()),
            batches=counts.invocations,
            redelivered=counts.retried,
            reads_refused=counts.reads_refused,
            paused=not self.mapping.enabled,
        )


def at_most_every[V](seconds: float, show: Callable[[V], None]) -> Callable[[V], None]:
    """Return what shows a view the first time, and then only when so many seconds have passed."""
    following = 0.0

    def shown(view: V) -> None:
        nonlocal following
        if time.monotonic() >= following:
            following = time.monotonic() + seconds
            show(view)

    return shown
