"""Start a process with the model of its pointer, else with MODEL_LOCATION's."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from threeways import bootstrap
from threeways.aws import clients
from threeways.aws.s3 import SCHEME
from threeways.errors import ArtifactUnreachable, PointerError, PointerRefused, ThreewaysError
from threeways.lifecycle import loading
from threeways.lifecycle.events import FollowEvent, Report
from threeways.lifecycle.follow import Follower
from threeways.lifecycle.loading import Measured
from threeways.lifecycle.pointer import Held, Named, PointerStore
from threeways.scoring.service import ModelService
from threeways.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ATTEMPT_SECONDS = 1
"""How long each attempt at a look may take to connect, and to wait for the next byte."""
START_SECONDS, START_ATTEMPTS = 2, 2
"""The same when the process starts, and how many attempts there are."""


def start(
    settings: Settings, report: Report, clock: Callable[[], float] = time.monotonic
) -> tuple[ModelService[Any], Follower | None]:
    """Return the service of this process, and what keeps it the pointer's model where FOLLOW names one.

    The pointer's model serves; where it cannot be loaded the one before it, and where there is no pointer
    MODEL_LOCATION's. report: is told what was not as it should be. Raises what `bootstrap.service_of` does
    where none can be loaded.
    """
    if not settings.follow:
        return bootstrap.service_of(None, settings), None
    held = _held(settings, report)
    began = clock()
    service, serving, final = _first(settings, held, report)
    seconds = clock() - began
    quick = _client(ATTEMPT_SECONDS, 1)
    follower = Follower(
        PointerStore(quick, settings.follow),
        quick,
        settings,
        service,
        Measured(seconds, _bytes_of(serving.location if serving else settings.model_location, quick)),
        report,
        serving=serving,
        etag=held.etag if final else None,
        clock=clock,
    )
    return service, follower


def _held(settings: Settings, report: Report) -> Held:
    """Return the pointer; where it cannot be read, none."""
    try:
        held = PointerStore(_client(START_SECONDS, START_ATTEMPTS), str(settings.follow)).read()
    except PointerError as error:
        kind = "refused" if isinstance(error, PointerRefused) else "unreadable"
        report(FollowEvent(kind, f"{error}; MODEL_LOCATION's model serves"))  # type: ignore[arg-type]
        return Held(None, getattr(error, "etag", None))
    if held.pointer is None:
        what = f"there is no pointer at {settings.follow}; MODEL_LOCATION's model serves"
        report(FollowEvent("unreadable", what))
    return held


def _first(settings: Settings, held: Held, report: Report) -> tuple[ModelService[Any], Named | None, bool]:
    """Return the service to begin with, its pointer, and whether the pointer needs not be tried again."""
    final, fault = True, None
    for one in (held.pointer, held.pointer and held.pointer.previous):
        if one is None:
            continue
        try:
            return loading.load(one, settings), one, final
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, another may serve
            final = final and not isinstance(error, ArtifactUnreachable | OSError)
            fault = fault or error
            told = str(error) if isinstance(error, ThreewaysError) else repr(error)[:500]
            what = f"{one} cannot serve: {told}; the model before it does, or MODEL_LOCATION's"
            report(FollowEvent("refused", what, refused=one.version))
    if fault is not None and not (settings.model_location or settings.model_bucket):
        raise fault
    return bootstrap.service_of(None, settings), None, final


def _bytes_of(location: str | None, s3: S3Client) -> int:
    """Return the bytes of the artifact that was loaded; 0 where they cannot be told."""
    try:
        return loading.bytes_of(location, s3) if location and location.startswith(SCHEME) else 0
    except ThreewaysError:
        return 0


def _client(seconds: float, attempts: int) -> Any:
    return clients.client(
        "s3",
        connect_timeout=seconds,
        read_timeout=seconds,
        retries={"mode": "standard", "total_max_attempts": attempts},
    )
