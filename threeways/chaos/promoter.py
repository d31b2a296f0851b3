"""Promote models while a run goes on: two in turn, and between them some that must not take over."""

from __future__ import annotations

import itertools
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from threeways.emulator.endpoint import Endpoint
from threeways.lifecycle.pointer import Named, Pointer, encode, now, place_of
from threeways.local_run.background import BackgroundThread
from threeways.local_run.following import uploaded
from threeways.local_run.ledger import Received

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

POINTER = "s3://torture-models/champion.json"
FOLLOW_SECONDS = 1.0
REFUSED = "refused"
"""What the versions begin with that must not predict."""


class Promoter(BackgroundThread):
    """Writes the pointer each so many seconds. folder: for the models' copies. count: how often it did."""

    def __init__(
        self, emulator: Endpoint, model: RegisteredModel, task: str, folder: Path, seconds: float
    ) -> None:
        super().__init__()
        self._s3, self._place = emulator.client("s3"), place_of(POINTER)
        self._model, self._task, self._folder, self._seconds = model, task, folder, seconds
        self.count = 0

    def work(self) -> None:
        """Promote until it is stopped."""
        contents = itertools.cycle(self._contents())
        while not self._stopping.wait(self._seconds):
            self._s3.put_object(Bucket=self._place.bucket, Key=self._place.prefix, Body=next(contents))
            self.count += 1

    def _contents(self) -> list[bytes]:
        """Return what is written one after the other: models in turn, each with what must not take over."""
        first, second = (self._named(version) for version in ("first", "second"))
        wrong = msgspec.structs.replace(first, version=f"{REFUSED}-digest", sha256="0" * 64)
        other = msgspec.structs.replace(first, version=f"{REFUSED}-task", task="another_task")
        gone = msgspec.structs.replace(
            first, version=f"{REFUSED}-gone", location=f"{first.location}-gone", sha256="1" * 64
        )
        sound = [_content(first), _content(second)]
        half, deep = sound[0][:100], b'{"format":' + b"[" * 100_000
        bad = [_content(wrong), half, _content(other), deep, _content(gone), b" " * 2**20]
        return [content for place, one in enumerate(bad) for content in (*sound, one, *sound[: place % 2])]

    def _named(self, version: str) -> Named:
        """Upload the run's model under another version and digest."""
        copy = self._folder / f"model-{version}"
        shutil.copytree(self._model.folder, copy)
        (copy / "version.txt").write_text(version)
        return uploaded(self._s3, self._place.bucket, copy, version, self._task)


class Invocations:
    """Which records each invocation had. Of one that was in a single one, the version is that batch's."""

    def __init__(self) -> None:
        self._batches: list[list[str]] = []

    def add(self, payload: bytes) -> None:
        """Note the records of an invocation."""
        records = msgspec.json.decode(payload, type=_Event).Records
        self._batches.append([one.eventID for one in records])

    def mixed(self, predictions: Mapping[str, Received]) -> int:
        """Return the batches with predictions of several versions, of records that came once."""
        times = Counter(itertools.chain.from_iterable(self._batches))
        versions: defaultdict[int, set[str | None]] = defaultdict(set)
        for number, batch in enumerate(self._batches):
            for event_id in batch:
                if times[event_id] == 1 and event_id in predictions:
                    versions[number].add(predictions[event_id].version)
        return sum(len(found) > 1 for found in versions.values())


class _Record(msgspec.Struct):
    eventID: str  # noqa: N815 - Lambda's own name


class _Event(msgspec.Struct):
    Records: list[_Record] = []


def refused_versions(predictions: Iterable[Received]) -> Iterator[str]:
    """Yield the versions of predictions that a model made which must not."""
    return (one.version for one in predictions if one.version and one.version.startswith(REFUSED))


def _content(named: Named) -> bytes:
    told = {name: getattr(named, name) for name in Named.__struct_fields__}
    return encode(Pointer(**{**told, "by": "torture", "at": now()}))
