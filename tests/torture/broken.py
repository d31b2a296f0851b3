"""Broken copies of the code under test: its own source with a mistake edited in, each one easily made."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import pytest
from exhaustive import explore
from inputs import aggregated_pairs, small_batches
from simulated import threads_run_at_once
from watcher import Violation

from threeways.emulator.mapping import lane
from threeways.stream import handler, quarantine, records
from threeways.stream.delivery import StreamDelivery
from threeways.stream.handler import StreamHandler


@dataclass(frozen=True)
class Broken:
    """A copy of `owner.attribute` with these (old, new) pieces of its source. says: what the suite finds."""

    name: str
    owner: Any
    attribute: str
    edits: tuple[tuple[str, str], ...]
    says: str
    aggregated: bool = False


COPIES = (
    Broken(
        "ignores failed entries",
        StreamDelivery,
        "_faults",
        (('if "SequenceNumber" not in result', 'if "Records" not in answer'),),
        "the lowest unfinished record is",
    ),
    Broken(
        "takes a call that was left behind for stored",
        StreamDelivery,
        "_faults",
        (("except DeadlineNear:\n        raise", "except DeadlineNear:\n        return {}"),),
        "the lowest unfinished record is",
    ),
    Broken(
        "acknowledges before the put",
        StreamDelivery,
        "_deliver",
        (
            ("failed: set[int] = set()", "failed = set()\n        waiting.acknowledge(heads)"),
            (
                "waiting.acknowledge([one for one in chunk if one not in faults] if faults else chunk)",
                "for one in faults:\n                waiting._acknowledged[one] = 0",
            ),
        ),
        "the lowest unfinished record is",
    ),
    Broken(
        "puts two entries of a key in one call",
        StreamHandler,
        "_deliver",
        (("Entry, batch.partition_keys", "Entry, batch.event_ids"),),
        "is first delivered after .* of the same key",
    ),
    Broken(
        "makes an id anew on redelivery",
        StreamHandler,
        "_deliver",
        (("scored, batch.event_ids", "scored, [again(self, one) for one in batch.event_ids]"),),
        "is delivered as .*-again",
    ),
    Broken(
        "reports the highest number instead of the lowest",
        handler,
        "batch_item_failures",
        (("min(", "max("),),
        "the lowest unfinished record is",
    ),
    Broken(
        "reports the lowest by its text",
        handler,
        "batch_item_failures",
        (("int(record.sequence_number)", "record.sequence_number"),),
        "the lowest unfinished record is",
    ),
    Broken(
        "forgets the records that are not scored",
        StreamHandler,
        "handle",
        ((" + not_scored", ""),),
        "the lowest unfinished record is",
    ),
    Broken(
        "counts quarantine as done before S3 acknowledges",
        handler,
        "set_aside",
        (("return error.stored, error.retries", "return len(faults), error.retries"),),
        "the lowest unfinished record is",
    ),
    Broken(
        "drops what it cannot score",
        StreamHandler,
        "handle",
        (("if faults else None", "if False else None"), ("(0, 0)", "(len(faults), 0)")),
        "the lowest unfinished record is",
    ),
    Broken(
        "names all quarantine objects of a shard alike",
        quarantine,
        "_name",
        (("-{first.sequence_number}-{ids[:12]}", ""),),
        "was passed and is lost",
    ),
    Broken(
        "gives the user records of an aggregated record one id",
        records,
        "deaggregated",
        (('event_id=f"{record.event_id}:{number}"', "event_id=record.event_id"),),
        "is delivered as",
        aggregated=True,
    ),
    Broken(
        "a mapping that takes a crash for an answer",
        lane,
        "outcome_of",
        (('Kind.FAILED, why=f"{result.error.type}', 'Kind.DONE, why=f"{result.error.type}'),),
        "was passed and never acknowledged",
    ),
)


def again(owner: Any, event_id: str) -> str:
    """Another id, the second time that it is asked for."""
    seen = owner.__dict__.setdefault("seen", set())
    told = f"{event_id}-again" if event_id in seen else event_id
    seen.add(event_id)
    return told


@contextmanager
def in_place(broken: Broken) -> Iterator[None]:
    """The broken copy stands where the sound code did."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(broken.owner, broken.attribute, _copy(broken))
        yield


def _copy(broken: Broken) -> FunctionType:
    """The edited function. Each edit must fit exactly one place, so that a change of the code is noticed."""
    sound = getattr(broken.owner, broken.attribute)
    source = "from __future__ import annotations\n" + textwrap.dedent(inspect.getsource(sound))
    for old, new in broken.edits:
        assert source.count(old) == 1, f"{broken.name}: {old!r} is {source.count(old)} times in\n{source}"
        source = source.replace(old, new)
    namespace = {**sound.__globals__, "again": again}
    exec(compile(source, broken.name, "exec", dont_inherit=True), namespace)  # noqa: S102 - ours, edited
    copy: FunctionType = namespace[sound.__name__]
    return copy


def first_violation(batches: Iterable[str]) -> Violation | None:
    """What every single fault finds in the code as it stands now."""
    with threads_run_at_once():
        for batch in batches:
            try:
                explore(batch, pairs=False)
            except Violation as violation:
                return violation
    return None


def batches_for(broken: Broken) -> Iterator[str]:
    return aggregated_pairs() if broken.aggregated else small_batches(3)
