"""Upload events for `make run` and `make torture`: generated ones, with the truth of the task's category."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import numpy as np

from threeways.errors import UsageError
from threeways.scoring.events import Events
from threeways.scoring.outputs import Scores
from threeways.scoring.task import Task
from threeways.systems.moderation.generator import LabelledUpload, uploads
from threeways.systems.moderation.texts import OTHERWISE

COUNT = 20_000
"""How many "all of them" are."""
SEED = 3
"""Of the uploads that are sent; training uses others."""


def load(spec: str | None, count: int, task: Task[Any]) -> Events:
    """Return so many uploads (0: `COUNT`).

    The truth is whether the category of the task's name holds: as its label or `ok`, or as a score of 1 or 0.
    """
    if spec is not None:
        raise UsageError(
            f"EVENTS={spec}: TASK={task.name} reads JSON lines, CSV and parquet with the fields of an upload "
            "as columns, upload_id, user_id and title among them; leave EVENTS= out for generated uploads"
        )
    made = uploads(count or COUNT, SEED)
    truth = np.empty(len(made), dtype=object)
    holds = [task.name in one.truth for one in made]
    if isinstance(task.output, Scores):
        truth[:] = [{"score": float(one)} for one in holds]
    else:
        truth[:] = [task.name if one else OTHERWISE for one in holds]
    return Events(
        name="generated uploads",
        ids=[one.upload.upload_id for one in made],
        payloads=partial(_payloads, made),
        truth=truth,
        counted=np.ones(len(made), dtype=np.bool_),
        labels=partial(_labels, made),
    )


def _payloads(made: Sequence[LabelledUpload]) -> Iterator[bytes]:
    return map(msgspec.json.encode, (one.upload for one in made))


def _labels(made: Sequence[LabelledUpload], position: int) -> Mapping[str, str]:
    upload = made[position].upload
    return {"title": upload.title, "frames": str(len(upload.frames))}
