"""The file of a golden set. Like every file of an artifact it may be anybody's: it is bounded and typed."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from threeways.artifact import digests, limits
from threeways.errors import ArtifactIncomplete

NAME = "golden.json"
MOST = 200
"""The examples of a set."""
_LEVELS = 4
"""Nesting of a value. A ranking is a list of objects."""

type Text = Annotated[str, Meta(max_length=limits.NAME_LENGTH)]


class Example(msgspec.Struct, frozen=True, omit_defaults=True):
    """A payload, and what becomes of it. value: as `Output.values` gives it. refused: the fault's code."""

    event: str
    value: Any = None
    flags: Annotated[tuple[Text, ...], Meta(max_length=100)] = ()
    refused: Text | None = None


class Made(msgspec.Struct, frozen=True):
    """What a set was made with. files: the SHA-256 of the model's files, by their paths in the artifact."""

    runtime: Text
    machine: Text
    python: Text
    libraries: Annotated[dict[Text, Text], Meta(max_length=100)]
    files: Annotated[dict[Text, Text], Meta(max_length=100)]


class GoldenSet(msgspec.Struct, frozen=True):
    """The content of the file. task: its name; None: the signature's. id: the events' field with their id.

    arrived: when all of the events are said to have arrived.
    """

    task: Text | None
    id: Text
    arrived: Annotated[datetime, Meta(tz=True)]
    made: Made
    examples: Annotated[tuple[Example, ...], Meta(min_length=1, max_length=MOST)]
    format: Literal[1] = 1


def read(folder: Path, hashes: digests.Hashes | None = None) -> GoldenSet | None:
    """Return the set of an artifact; None where it has none. hashes: see `digests.verify`.

    Raises ArtifactIncomplete or ArtifactMismatch.
    """
    path = folder / NAME
    if not path.exists():
        return None
    try:
        content = digests.read(folder, NAME, hashes, limits.GOLDEN_BYTES)
        if len(content) > limits.GOLDEN_BYTES:
            raise ValueError(f"it has more than {limits.GOLDEN_BYTES} bytes")
        found = msgspec.json.decode(content, type=GoldenSet)
        if all(one.refused is not None for one in found.examples):
            raise ValueError("it holds no prediction")
        if any(_is_deep(one.value) for one in found.examples):
            raise ValueError("a value in it is nested deeper than any answer")
    except (OSError, ValueError, RecursionError) as error:
        raise ArtifactIncomplete(
            f"{path} is no golden set: {error}; upload the artifact again, or make another: threeways export"
        ) from error
    return found


def _is_deep(value: Any, levels: int = _LEVELS) -> bool:
    if not isinstance(value, list | dict):
        return False
    parts = value.values() if isinstance(value, dict) else value
    return not levels or any(_is_deep(one, levels - 1) for one in parts)
