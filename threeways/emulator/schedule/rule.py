"""A schedule that runs: it invokes a function on time, asynchronously, as EventBridge does.

docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html: a function's error is tried again
twice, after one minute and after two more; what was throttled for up to six hours, after 1 s to 5 minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import Self

from threeways.aws.invocation import InvocationResult
from threeways.emulator.failures import raise_failure
from threeways.emulator.mapping.counts import MappingCounts, MappingEvent, MappingReporter
from threeways.emulator.mapping.lane import invoked
from threeways.emulator.schedule.event import arn_of, event_of
from threeways.emulator.schedule.expression import Expression, parse
from threeways.emulator.schedule.settings import ScheduleSettings
from threeways.errors import LocalError

RETRY_SECONDS = (60.0, 120.0)
"""The waits before the second and third try of what a function failed at."""
_THROTTLED_SECONDS, _LONGEST_WAIT, _MOST_AGE = 1.0, 300.0, 21_600.0
LOOK_SECONDS = 0.02
"""Between two looks at the clock, in real time."""
_AT_ONCE = 10
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class _Due:
    """What is to be invoked. at, since: epoch seconds. errors, throttles: the tries that ended so."""

    at: float
    payload: bytes
    since: float
    errors: int = 0
    throttles: int = 0


class ScheduleRule:
    """Invokes a function on a schedule. A context manager that runs it.

    invoke, on_event: as for `EventSourceMapping`. clock: epoch seconds; where it jumps, all that fell due is
    invoked, each with its own time.
    """

    def __init__(
        self,
        invoke: Callable[[bytes], InvocationResult],
        settings: ScheduleSettings,
        *,
        region: str = "us-east-1",
        on_event: Callable[[MappingEvent], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._invoke, self._settings, self._region, self._clock = invoke, settings, region, clock
        self._reporter = MappingReporter(on_event)
        self._stopping = Event()
        self._lock = Lock()
        self._retries: list[_Due] = []
        self._running = 0
        self._seen = 0.0
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="schedule")
        self._thread: Thread | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to keep time, unless the schedule is disabled. Raises LocalError if it was started before."""
        if self._thread is not None:
            raise LocalError("the schedule was started before: make another ScheduleRule")
        settings, start = self._settings, self._now()
        scheduler = settings.kind == "ScheduleV2"
        expression = parse(settings.expression, start, scheduler=scheduler, zone=settings.zone)
        self._thread = Thread(target=self._keep_time, args=(expression, start), name="schedule", daemon=True)
        if settings.enabled:
            self._thread.start()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _keep_time(self, expression: Expression, start: datetime) -> None:
        following = expression.after(start - _INSTANT)
        try:
            while not self._stopping.is_set():
                now = self._now()
                while following is not None and following <= now and not self._stopping.is_set():
                    at = following.timestamp()
                    self._submit(_Due(at, event_of(self._settings, at, self._region), at))
                    following = expression.after(following)
                for due in self._due_again(now.timestamp()):
                    self._submit(due)
                self._seen = now.timestamp()
                self._stopping.wait(LOOK_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised by `drained` and `stop`
            self._failure = error

    def _due_again(self, now: float) -> list[_Due]:
        with self._lock:
            due = [one for one in self._retries if one.at <= now]
            self._retries = [one for one in self._retries if one.at > now]
            return due

    def _submit(self, due: _Due) -> None:
        with self._lock:
            self._running += 1
        self._pool.submit(self._run, due).add_done_callback(self._ended)

    def _ended(self, future: Future[None]) -> None:
        self._failure = future.exception() or self._failure
        with self._lock:
            self._running -= 1

    def _run(self, due: _Due) -> None:
        result = invoked(self._invoke, due.payload)
        count, now = self._reporter.count, self._clock()
        count(sent=1, retried=bool(due.errors))
        if result.throttled:
            count(throttled=1, unsuccessful=1)
            wait = min(_THROTTLED_SECONDS * 2**due.throttles, _LONGEST_WAIT)
            self._again(replace(due, at=now + wait, throttles=due.throttles + 1), now, "throttled")
            return
        count(invocations=1)
        if result.error is None:
            count(records=1)
            return
        count(failed=1, unsuccessful=1)
        why = f"{result.error.type}: {result.error.message}"
        self._reporter.report(MappingEvent("function_error", "", why, 1, request_id=result.request_id))
        wait = RETRY_SECONDS[due.errors] if due.errors < len(RETRY_SECONDS) else _MOST_AGE
        self._again(replace(due, at=now + wait, errors=due.errors + 1), now, why)

    def _again(self, due: _Due, now: float, why: str) -> None:
        """Try an event again later, or give it up."""
        if due.errors <= len(RETRY_SECONDS) and now - due.since < _MOST_AGE:
            with self._lock:
                self._retries.append(due)
            return
        self._reporter.count(discarded=1)
        arn = arn_of(self._settings, self._region)
        self._reporter.report(MappingEvent("discarded", "", f"an event of {arn}: {why}", 1))

    def halt(self) -> None:
        """Stop without waiting; `stop` waits."""
        self._stopping.set()

    def stop(self) -> dict[str, str | None]:
        """Stop, finish the invocations in progress, and return {}. Idempotent. Raises what `drained` does."""
        self.halt()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join()
        self._pool.shutdown()
        raise_failure(self._failure, "the schedule")
        return {}

    def drained(self) -> bool:
        """Return whether all that is due was invoked, and nothing waits to be tried again.

        Raises LocalError if the schedule was not started or if a thread of it has failed.
        """
        raise_failure(self._failure, "the schedule")
        if self._thread is None:
            raise LocalError("the schedule was not started")
        with self._lock:
            looked = self._seen >= self._clock() - 5 * LOOK_SECONDS or not self._settings.enabled
            return looked and not self._running and not self._retries

    def positions(self) -> dict[str, str | None]:
        """Return {}: a schedule has no checkpoint."""
        return {}

    def counts(self) -> MappingCounts:
        """Return the counters; their `metrics()` has CloudWatch's names."""
        return self._reporter.snapshot()
