"""Pointers, small models that they name, and a follower whose clock a test moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mlflow
import msgspec
import pandas as pd
from mlflow.models import infer_signature
from payments_lab import logged
from sklearn.dummy import DummyRegressor

from threeways import artifact
from threeways.lifecycle import start as starting
from threeways.lifecycle.events import FollowEvent
from threeways.lifecycle.follow import Follower
from threeways.lifecycle.pointer import Held, Pointer, PointerStore, now
from threeways.scoring.service import ModelService
from threeways.settings import Settings

COLUMNS = pd.DataFrame({"distance": [1.0, 2.0, 3.0], "hour": [7.0, 8.0, 9.0]})


def constant(
    folder: Path, value: float, frame: pd.DataFrame = COLUMNS, *, skops: bool = False, **given: Any
) -> Path:
    """Save a model that predicts one number, whatever it is asked: a pickle, or a skops file."""
    fitted = DummyRegressor(strategy="constant", constant=value).fit(frame, [value] * 3)
    if not skops:
        return logged(folder, fitted, frame, **given)
    mlflow.sklearn.save_model(
        fitted,
        str(folder),
        serialization_format="skops",
        signature=infer_signature(frame, fitted.predict(frame)),
        pip_requirements=["scikit-learn"],
        **given,
    )
    return folder


class Clock:
    """Seconds that only pass where a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Life:
    """A bucket with models and a pointer. events: what the follower reported."""

    s3: Any
    bucket: str
    folder: Path
    clock: Clock = field(default_factory=Clock)
    events: list[FollowEvent] = field(default_factory=list)

    @property
    def place(self) -> str:
        return f"s3://{self.bucket}/champion.json"

    @property
    def store(self) -> PointerStore:
        return PointerStore(self.s3, self.place)

    def upload(self, folder: Path, name: str | None = None) -> str:
        """Put an artifact into the bucket; where it lies."""
        name = name or folder.name
        for path in filter(Path.is_file, folder.rglob("*")):
            self.s3.upload_file(str(path), self.bucket, f"models/{name}/{path.relative_to(folder)}")
        return f"s3://{self.bucket}/models/{name}"

    def model(self, version: str, value: float, frame: pd.DataFrame = COLUMNS, **given: Any) -> Pointer:
        """Make and upload a model of one number; a pointer that names it."""
        folder = constant(self.folder / version, value, frame, **given)
        return pointer_to(self.upload(folder), artifact.digest(folder), version)

    def put(self, pointer: Pointer | bytes) -> None:
        """Write the pointer, whatever it is now."""
        body = pointer if isinstance(pointer, bytes) else msgspec.json.encode(pointer)
        self.s3.put_object(Bucket=self.bucket, Key="champion.json", Body=body)

    def started(self, **given: Any) -> tuple[ModelService[Any], Follower]:
        """Start a process that follows the pointer."""
        settings = Settings(follow=self.place, **given)
        service, follower = starting.start(settings, self.events.append, self.clock)
        assert follower is not None
        return service, follower

    def after(self, seconds: float, follower: Follower, **given: Any) -> ModelService[Any] | None:
        """Ask the follower after so many seconds, and again where it has begun to look at the pointer."""
        self.clock.now += seconds
        new = follower.next(**given)
        if follower._asking is None or new is not None:
            return new
        wait([follower._asking.future], timeout=10)
        return follower.next(**given)

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.events]


def pointer_to(location: str, sha256: str, version: str, **given: Any) -> Pointer:
    told: dict[str, Any] = {
        "name": f"models:/rides/{version}",
        "task": "",
        "by": "a test",
        "because": "a test",
    }
    return Pointer(location=location, sha256=sha256, version=version, at=now(), **(told | given))


def at_once(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """Do all at the same moment; what each returned or raised."""
    ready = threading.Barrier(len(works))
    told: list[Any] = [None] * len(works)

    def run(place: int) -> None:
        ready.wait()
        try:
            told[place] = works[place]()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            told[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(works))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return told


def nothing() -> Held:
    return Held(None, None)
