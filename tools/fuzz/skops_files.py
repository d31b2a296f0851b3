"""Attack the loading of skops files: an honest model's file with some nodes and arrays changed."""

from __future__ import annotations

import io
import json
import random
import warnings
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import skops.io

from threeways.artifact.sklearn import skops_format, structure
from threeways.artifact.sklearn.jobs import sequential_jobs
from threeways.errors import ArtifactError

from . import arrays, nodes, zoo


@cache
def honest(name: str) -> tuple[str, dict[str, bytes]]:
    """Return the schema, as JSON, and the arrays of a sample's file; each node has an id of its own."""
    with ZipFile(io.BytesIO(skops.io.dumps(zoo.sample(name).estimator))) as archive:
        members = {one: archive.read(one) for one in archive.namelist()}
    schema = json.loads(members.pop("schema.json"))
    nodes.renumber(schema)
    return json.dumps(schema), members


def changed(rng: random.Random, name: str) -> bytes:
    """Return the bytes of a sample's file with one to three changes."""
    text, members = honest(name)
    schema, members = json.loads(text), dict(members)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if rng.random() < 0.5 and members:
            member = rng.choice(sorted(members))
            members[member] = arrays.changed(rng, members[member])
        else:
            other, more = honest(rng.choice(zoo.names())) if rng.random() < 0.1 else (text, {})
            with suppress(
                KeyError, IndexError, TypeError, AttributeError
            ):  # what an earlier change left has no such part
                nodes.change(rng, schema, json.loads(other))
            members = {**more, **members}
    nodes.renumber(schema)
    return written(schema, members)


def written(schema: nodes.Node, members: dict[str, bytes]) -> bytes:
    """Return the bytes of a skops file of that schema and these arrays."""
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
        archive.writestr("schema.json", json.dumps(schema))
    return buffer.getvalue()


def attempt(seed: int) -> str:
    """Load a changed file and let what it holds answer; return what came of it."""
    rng = random.Random(seed)  # noqa: S311  (it is to repeat)
    name = rng.choice(zoo.names())
    return loaded(name, changed(rng, name))


def loaded(name: str, content: bytes) -> str:
    """Load a file made of a sample's and let what it holds answer; return what came of it.

    Raises RuntimeError where it answers otherwise the second time: then it hands on memory that it did not
    write. Anything but an ArtifactError from loading is raised, and a lack of memory in answering.
    """
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model = skops_format.load(content, Path("model.skops"))
            structure.check(model)
        except ArtifactError:
            return "refused"
        return _answer(zoo.sample(name), model)


def _answer(sample: zoo.Sample, model: Any) -> str:
    try:
        with sequential_jobs():
            first = zoo.dense(sample.answer(model))
            second = zoo.dense(sample.answer(model))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001  (a prediction that fails is told as that, and harms nobody)
        return "failing"
    if zoo.same(first, zoo.dense(sample.answer())):
        return "equal"
    if not zoo.same(first, second) and not _draws(model):
        raise RuntimeError(f"{sample.name} answers otherwise the second time")
    return "other"


def _draws(model: Any) -> bool:
    """Return whether the model answers by chance: a constant's strategy may say so."""
    return any(
        "strat" in str(getattr(model, name, "")) or "unif" in str(getattr(model, name, ""))
        for name in ("strategy", "_strategy")
    )
