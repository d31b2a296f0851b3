"""Follow the pointer: ask for it between batches, load its model beside the one that serves, and swap whole.

Nothing here raises and nothing waits for long: whatever is wrong with the pointer, its model or S3, the
model that serves goes on. A model that was refused is not tried again until the pointer changes; what may
pass, such as a network's failure, is tried again ever more rarely.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from threeways.aws import calls
from threeways.aws.calls import Deadline
from threeways.errors import (
    ArtifactUnreachable,
    DeadlineNear,
    ModelFailed,
    PointerRefused,
    ThreewaysError,
)
from threeways.lifecycle import loading, memory
from threeways.lifecycle.events import FollowEvent, Report
from threeways.lifecycle.loading import Measured
from threeways.lifecycle.pointer import Held, Named, Pointer, PointerStore
from threeways.scoring.service import ModelService
from threeways.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

ASK_SECONDS = 10.0
"""A look at the pointer that takes longer is given up. No batch waits for it: what it finds is acted on after
the next one."""
MOST_SECONDS = 600.0
"""A load that takes longer is given up, and what failed is tried again after so long at the most."""
LEAST_WAIT = 2.0
"""How long the batch that begins to load waits for it at the least, and else for twice what is expected."""
LATE = 20
"""After so many batches without enough time for loading, it is told."""


@dataclass
class _Candidate:
    """A model that is to take over. at: when it is tried next. failures, late: how often it was in vain."""

    pointer: Pointer
    bytes: int
    at: float = -math.inf
    failures: int = 0
    late: int = 0


@dataclass(frozen=True)
class _Running[T]:
    """Work that was begun in a thread. ends: when it is given up."""

    future: Future[T]
    began: float
    ends: float


class Follower:
    """Keeps a process's model the one that the pointer names. Not thread-safe: one caller at a time.

    store, s3: of the pointer and of models; their clients wait for a second at the most. settings: of the
    process. service: what serves. serving: the pointer that it is of; None: of MODEL_LOCATION. etag: of the
    pointer that needs not be looked at again. measured: what loading the first one took. report: is told
    what happens. clock: seconds.
    """

    def __init__(
        self,
        store: PointerStore,
        s3: S3Client,
        settings: Settings,
        service: ModelService[Any],
        measured: Measured,
        report: Report,
        *,
        serving: Named | None = None,
        etag: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store, self._s3, self._settings, self._report = store, s3, settings, report
        self.service, self.serving = service, serving
        self._measured, self._clock = measured, clock
        self._etag = etag
        self._ask_at = clock() + settings.follow_seconds
        self._failures = 0
        self._candidate: _Candidate | None = None
        self._asking: _Running[tuple[Held | None, int]] | None = None
        self._loading: _Running[ModelService[Any]] | None = None
        self._wait = 0.0

    def next(self, time_left: Callable[[], float] = lambda: math.inf) -> ModelService[Any] | None:
        """Return the model to go on with, where another takes over; None: the same.

        time_left: seconds that this may take. What it does not suffice for is done after a later batch.
        """
        try:
            if self._loading is None:
                self._ask(time_left)
                self._begin(time_left)
            return self._loaded(time_left) if self._loading else None
        except Exception:
            logger.exception("following %s failed; the model that serves goes on", self._store.place)
            return None

    @property
    def due(self) -> float:
        """Seconds until there is something to do."""
        if self._loading or self._asking:
            return 0.0
        at = min(self._ask_at, self._candidate.at if self._candidate else math.inf)
        return max(0.0, at - self._clock())

    def _ask(self, time_left: Callable[[], float]) -> None:
        """Ask for the pointer where that is due, and take note of what was asked after an earlier batch."""
        now = self._clock()
        if self._asking is None:
            if now >= self._ask_at and time_left() > 0:
                begun = calls.begin(self._look, Deadline(time_left), etag=self._etag)
                self._asking = _Running(begun.future, now, now + ASK_SECONDS)
            return
        try:
            held, size = _answer(self._asking, 0.0, self._clock)
        except _NotYetError:
            return
        except PointerRefused as error:
            self._etag, self._candidate = error.etag, None
            self._unreadable(str(error), "refused")
        except ThreewaysError as error:
            self._unreadable(str(error))
        else:
            self._found(held, size)
        self._asking = None

    def _look(self, etag: str | None) -> tuple[Held | None, int]:
        """Read the pointer unless it is the known one, and the size of its model unless that serves."""
        held = self._store.read_unless(etag)
        pointer = held.pointer if held else None
        if pointer is None or (self.serving and pointer.is_same_model(self.serving)):
            return held, 0
        try:
            return held, loading.bytes_of(pointer.location, self._s3)
        except ThreewaysError:
            return held, 0  # loading it says what is wrong

    def _found(self, held: Held | None, size: int) -> None:
        """Take note of what the pointer is now."""
        if held is not None and held.pointer is None:
            self._etag, self._candidate = None, None
            self._failures = max(1, self._failures)
            self._unreadable(f"there is no pointer at {self._store.place}")
            return
        self._failures, self._ask_at = 0, self._clock() + self._settings.follow_seconds
        if held is None or held.pointer is None:
            return
        self._etag = held.etag
        pointer = held.pointer
        self._candidate = None if _says_the_same(pointer, self.serving) else _Candidate(pointer, size)
        if self._candidate is None:
            self.serving = pointer

    def _unreadable(self, why: str, kind: Literal["refused", "unreadable"] = "unreadable") -> None:
        """Say that the pointer could not be read, and ask again later.

        A first failure is repeated at once: Lambda stops a process between two batches, and its connections
        may be gone when it goes on.
        """
        self._failures += 1
        if self._failures == 1 and kind == "unreadable":
            self._ask_at = self._clock()
            return
        wait = min(self._settings.follow_seconds * 2.0 ** min(self._failures - 1, 16), MOST_SECONDS)
        self._ask_at = self._clock() + max(self._settings.follow_seconds, min(wait, MOST_SECONDS))
        self._report(FollowEvent(kind, f"{why}; {self._going_on()}", self.service.version))

    def _begin(self, time_left: Callable[[], float]) -> None:
        """Begin to load the candidate, where time and memory suffice."""
        one = self._candidate
        if one is None or self._clock() < one.at:
            return
        expected = 0.0 if self._is_served(one.pointer) else self._measured.seconds_for(one.bytes)
        if time_left() < expected:
            one.late += 1
            if one.late == LATE:
                late = f"{LATE} batches left no time to load it, some {expected:.1f} s"
                self._failed(
                    one, ArtifactUnreachable(f"{late}; raise the function's Timeout, or lower BatchSize")
                )
            return
        try:
            if not self._is_served(one.pointer):
                limit = memory.limit(self._settings.aws_lambda_function_memory_size)
                memory.require(memory.needed(one.bytes), limit, memory.held())
        except ThreewaysError as error:
            self._failed(one, error)
            return
        now = self._clock()
        begun = calls.begin(self._load, Deadline(lambda: math.inf), pointer=one.pointer)
        self._loading = _Running(begun.future, now, now + MOST_SECONDS)
        self._wait = max(LEAST_WAIT, 2 * expected)

    def _load(self, pointer: Pointer) -> ModelService[Any]:
        """Return the service of a pointer, proven, and alike what serves."""
        loading.require_task(self.service.declared.name, pointer)
        if self._is_served(pointer):
            return loading.again(self.service, pointer)
        new = loading.load(pointer, self._settings)
        loading.require_alike(self.service, new)
        return new

    def _loaded(self, time_left: Callable[[], float]) -> ModelService[Any] | None:
        """Return the loaded model, if it is there in time."""
        running, one = self._loading, self._candidate
        assert running is not None  # noqa: S101  (the caller has looked)
        assert one is not None  # noqa: S101  (it is kept while it is loaded)
        try:
            wait, self._wait = min(self._wait, time_left()), 0.0  # later batches do not wait for it
            new = _answer(running, wait, self._clock)
        except _NotYetError:
            return None
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a model keeps it out
            self._loading = None
            self._failed(one, error)
            return None
        self._loading = self._candidate = None
        return self._swapped(one, new, self._clock() - running.began)

    def _swapped(self, one: _Candidate, new: ModelService[Any], seconds: float) -> ModelService[Any]:
        if one.bytes:
            self._measured = Measured(seconds, one.bytes)
        was, self.service, self.serving = self.service.version, new, one.pointer
        what = f"{one.pointer} took over from version {was}"
        self._report(FollowEvent("swapped", what, new.version, seconds=round(seconds, 3)))
        return new

    def _failed(self, one: _Candidate, error: BaseException) -> None:
        """Keep a model out: for good, or for a while where what failed may pass."""
        passing = isinstance(error, ArtifactUnreachable | DeadlineNear | OSError)
        if passing:
            one.failures, one.late = one.failures + 1, 0
            wait = self._settings.follow_seconds * 2.0 ** min(one.failures, 16)
            one.at = self._clock() + min(wait, MOST_SECONDS)
        else:
            self._candidate = None
        told = str(error) if isinstance(error, ThreewaysError) else repr(error)[:500]
        again = "It is tried again" if passing else "It is not tried again until the pointer changes"
        what = f"{one.pointer} stays out: {told}. {again}; {self._going_on()}"
        self._report(FollowEvent("refused", what, self.service.version, refused=one.pointer.version))

    def _is_served(self, pointer: Named) -> bool:
        return self.serving is not None and pointer.is_same_model(self.serving)

    def _going_on(self) -> str:
        return f"version {self.service.version} goes on serving"


class _NotYetError(Exception):
    """The work goes on."""


def _answer[T](running: _Running[T], seconds: float, clock: Callable[[], float]) -> T:
    """Wait for what work answers or raises. Raises _NotYetError where it is not there yet."""
    try:
        error = running.future.exception(None if seconds == math.inf else max(0.0, seconds))
    except TimeoutError:
        if clock() > running.ends:
            took = running.ends - running.began
            raise ArtifactUnreachable(f"it takes over {took:g} s, and is given up") from None
        raise _NotYetError from None
    if error is None:
        return running.future.result()
    if isinstance(error, Exception):
        raise error
    raise ModelFailed(f"loading it ends in {error!r}")  # such as SystemExit, which is not for this thread


def _says_the_same(pointer: Named, serving: Named | None) -> bool:
    return serving is not None and all(
        getattr(pointer, name) == getattr(serving, name)
        for name in ("location", "sha256", "version", "task", "interval")
    )
