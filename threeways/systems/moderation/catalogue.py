"""Make the model of a catalogue's frames for `make train TASK=copyright`, and judge it on uploads that copy.

DATA= names a catalogue, a file of JSON lines, each a work: `{"name": "Golden Harbour", "frames":
["aca29c1c33dc23d7", …]}`; without it a generated one is taken.
"""

from __future__ import annotations

import hashlib
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from threeways.aws.files import Say, locations, opened
from threeways.errors import DataError
from threeways.scoring.groups import Groups
from threeways.scoring.task import Task
from threeways.systems.moderation.copyright import MOST_BITS, bits_of, hashes_of, label_of
from threeways.systems.moderation.generator import Work, catalogue, uploads
from threeways.systems.moderation.training import reported
from threeways.systems.moderation.uploads import Upload
from threeways.training import measures
from threeways.training.examples import Examples, Fitted, Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.neighbors import KNeighborsClassifier

__all__ = [
    "TRUSTED_TYPES", "events", "figures", "fit", "fit_baseline", "load", "measured", "parameters", "reported",
    "sample",
]  # fmt: skip

TRUSTED_TYPES: list[str] = []
UPLOADS, SEED = 4_000, 2
"""The generated uploads that a catalogue is judged on: how many, and their seed."""
THRESHOLD = 0.9
"""The score from which precision and recall count an upload as a copy, and the policy removes it."""
MOST_EVENTS = 200
"""The uploads of which a golden set may be made."""
FLAT_BITS = 3
"""A frame of which at most so many bits are set, or are not, is of one colour: it is in many uploads."""


@dataclass(frozen=True, slots=True)
class Source:
    """A catalogue, or generated uploads."""

    name: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Judging(Examples):
    """Uploads: the target is whether they copy. groups: their frames, which are the block."""

    groups: Groups


def load(task: Task[Any], data: str | None, validation: str | None, say: Say) -> tuple[Examples, Examples]:
    """Return a catalogue's frames with their labels, and generated uploads. Raises DataError."""
    if validation is not None:
        raise DataError("VALIDATION: a catalogue is judged on generated uploads that copy it; leave it out")
    if data is None:
        say("data: a generated catalogue; give DATA=catalogue.jsonl for a real one")
        works: Sequence[Work] = catalogue()
        source = Source("a generated catalogue", len(works), _digest(works))
    else:
        works, source = _read(data, say)
    return frames_of(works, source), _judging(task, works)


def events(examples: Judging) -> list[Upload]:
    """Return some of the uploads that a catalogue is judged on, with their frames alone."""
    few = examples.groups[range(min(MOST_EVENTS, len(examples.groups)))]
    packed = np.packbits(np.asarray(few.rows).astype(np.uint8), axis=1).reshape(-1, 8)
    frames = [row.tobytes().hex() for row in packed]
    ends = np.cumsum(few.counts).tolist()
    return [
        Upload(at, "golden", title="", frames=tuple(frames[end - count : end]))
        for at, (end, count) in enumerate(zip(ends, few.counts.tolist(), strict=True), 1)
    ]


def sample(task: Task[Any], data: str | None, say: Say) -> Examples:
    """Return the generated uploads' frames. Raises DataError."""
    return load(task, data, None, say)[1]


def fit(_task: Task[Any], examples: Examples) -> KNeighborsClassifier:
    """Return the model that finds the nearest of the frames."""
    from sklearn.neighbors import KNeighborsClassifier

    model = KNeighborsClassifier(n_neighbors=1, algorithm="brute", metric="sqeuclidean")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes", category=UserWarning)
        return model.fit(examples.block, examples.target)


def fit_baseline(task: Task[Any], examples: Examples) -> KNeighborsClassifier:
    """Return the same of each work's first frame alone."""
    works = [label.partition(" ")[2] for label in examples.target]
    first = np.sort(np.unique(works, return_index=True)[1])
    name, sources = examples.name, examples.sources
    return fit(task, Examples(name, sources, examples.block[first], examples.target[first], len(first), {}))


def measured(task: Task[Any], fitted: Fitted, examples: Examples) -> Measured:
    """Return the scores of uploads and how well they tell copies; of a catalogue the share that is found."""
    labels = fitted.model.predict(examples.block)
    if not isinstance(examples, Judging):
        return Measured(labels, {"found": float(np.mean(labels == examples.target))})
    assert task.combine is not None  # noqa: S101  (the task has it)
    scores = task.combine(labels, examples.groups)[:, -1].astype(np.float64)
    return Measured(scores, measures.of_class(scores, examples.target, THRESHOLD) | {"threshold": THRESHOLD})


def parameters() -> Mapping[str, object]:
    """Return what a training logs as its parameters."""
    return {"most_bits": MOST_BITS, "uploads": UPLOADS, "uploads_seed": SEED}


def figures(*_: Any) -> Mapping[str, Figure]:
    """Draw nothing."""
    return {}


def _read(data: str, say: Say) -> tuple[list[Work], Source]:
    places = locations(data, "DATA", say)
    content = b""
    works: list[Work] = []
    decode = msgspec.json.Decoder(Work).decode
    for place in places:
        with opened(place, "DATA") as file:
            content += file.read()
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            try:
                works.append(decode(line))
            except msgspec.MsgspecError as error:
                raise DataError(
                    f'DATA: line {number} is no work ({error}); write {{"name": …, "frames": […]}} as JSON, '
                    "each frame's hash as 16 hexadecimal digits"
                ) from error
    return works, Source(", ".join(places), len(works), hashlib.sha256(content).hexdigest())


def frames_of(works: Sequence[Work], source: Source) -> Examples:
    """Return the frames that tell a work from others, each with its label."""
    owners = Counter(frame for work in works for frame in set(work.frames))
    all_frames = [(frame, work.name) for work in works for frame in dict.fromkeys(work.frames)]
    flat = {frame for frame in owners if not FLAT_BITS < int(frame, 16).bit_count() < 64 - FLAT_BITS}
    kept = [(frame, name) for frame, name in all_frames if frame not in flat and owners[frame] == 1]
    if not kept:
        raise DataError(f"DATA: {source.name} has no frame that tells a work from others; give other data")
    flats = sum(frame in flat for frame, _ in all_frames)
    dropped = {"of one colour": flats, "in several works": len(all_frames) - len(kept) - flats}
    labels = np.array([label_of(*one) for one in kept])
    return Examples(
        source.name, (source,), bits_of(hashes_of([one for one, _ in kept])), labels, len(all_frames), dropped
    )


def _judging(task: Task[Any], works: Sequence[Work]) -> Judging:
    made = uploads(UPLOADS, SEED, [work for work in works if work.frames])
    events = [one.upload for one in made]
    groups = task.features(events, [datetime.now(UTC)] * len(events)).block
    source = Source("generated uploads", len(made), hashlib.sha256(msgspec.json.encode(events)).hexdigest())
    copies = np.array([task.name in one.truth for one in made])
    return Judging(source.name, (source,), groups.rows, copies, len(made), {}, groups)


def _digest(works: Sequence[Work]) -> str:
    return hashlib.sha256(msgspec.json.encode(works)).hexdigest()
