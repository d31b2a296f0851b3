"""Is an upload a copy of a work? For each of its frames the nearest of a catalogue, by Hamming distance.

The model is a classifier by the nearest neighbour, one class a catalogue's frame: `label_of` says the frame
and its work. Of bits the squared Euclidean distance is Hamming's, and exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from threeways.scoring import Features, Groups, Scores, Task
from threeways.systems.moderation.uploads import Upload, example

BITS = 64
MOST_BITS = 10
"""A frame matches one of a catalogue where at most so many bits differ: docs/moderation.md has the distances
of altered and of other pictures."""
SURE = 0.75
"""The score of an upload of which one frame is equal to a catalogue's. Each further one adds as much of what
is missing to 1, and each the less the more bits differ."""

type Hashes = NDArray[np.uint64]


def hashes_of(frames: Sequence[str]) -> Hashes:
    """Return frames' hashes as numbers."""
    return np.array([int(one, 16) for one in frames], dtype=np.uint64)


def bits_of(hashes: Hashes) -> NDArray[np.float64]:
    """Return the (n, 64) bits, the highest first: a block for the model."""
    return np.unpackbits(hashes.astype(">u8").view(np.uint8).reshape(-1, 8), axis=1).astype(np.float64)


def label_of(frame: str, work: str) -> str:
    """Return the model's class for a frame of a work."""
    return f"{frame} {work}"


def _features(uploads: Sequence[Upload], _arrived: Sequence[datetime]) -> Features[Groups]:
    counts = np.array([len(one.frames) for one in uploads], dtype=np.int64)
    frames = hashes_of([frame for one in uploads for frame in one.frames])
    return Features(Groups(bits_of(frames), counts), flags=[()] * len(uploads))


def _combined(labels: NDArray[Any], uploads: Groups) -> NDArray[Any]:
    """Return each upload's work, distance, matched frames and score.

    The work is the one that most frames match, of several the one with the nearest; where none match, the
    nearest frame's. Of an upload without frames it is empty, and all bits are said to differ.
    """
    known = hashes_of([label[:16] for label in labels.tolist()])
    own = np.packbits(np.asarray(uploads.rows).astype(np.uint8), axis=1).view(">u8").ravel()
    distances = np.bitwise_count(own ^ known).tolist()
    works = [label[17:] for label in labels.tolist()]
    made = np.empty((len(uploads), 4), dtype=object)
    ends = np.cumsum(uploads.counts).tolist()
    for place, (end, count) in enumerate(zip(ends, uploads.counts.tolist(), strict=True)):
        made[place] = _verdict(works[end - count : end], distances[end - count : end])
    return made


def _verdict(works: Sequence[str], distances: Sequence[int]) -> tuple[str, int, int, float]:
    if not works:
        return "", BITS, 0, 0.0
    near = sorted(zip(distances, works, strict=True))
    matched = Counter(work for distance, work in near if distance <= MOST_BITS)
    [(work, count)] = matched.most_common(1) or [(near[0][1], 0)]
    of_work = [distance for distance, other in near if other == work]
    doubt = 1.0
    for distance in of_work[:count]:
        doubt *= 1 - SURE * (1 - (distance / (MOST_BITS + 1)) ** 2)
    return work, of_work[0], count, 1 - doubt


task = Task(
    name="copyright",
    model_name="copyright",
    event=Upload,
    id="upload_id",
    example=example,
    columns=tuple(f"bit_{place}" for place in range(BITS)),
    features=_features,
    combine=_combined,
    output=Scores(("work", "distance", "matched_frames", "score"), (str, int, int, float)),
    producer="threeways.systems.moderation.producer",
    training="threeways.systems.moderation.catalogue",
)
