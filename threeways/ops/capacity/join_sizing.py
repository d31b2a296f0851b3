"""Reckon what a key of a join costs its table, its queue and its streams, by the join's example.

Units: docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any

import msgspec

from threeways.errors import UsageError
from threeways.join.effects import Effects
from threeways.join.item import decision_text, expected_text, key_text
from threeways.join.join import Counted, Join, Key, decided_of
from threeways.join.timers import MAX_DELAY
from threeways.ops.capacity.sizing import MAX_RATE

WRITE_UNIT, READ_UNIT, INDEX_UNITS = 1024, 4096, 4
"""An index takes a unit where its key comes, two where it changes, one where it goes."""
FIXED = 400
"""Bytes of an item beside what has come and what was decided: its attributes' names, times and counters."""
OF_A_VERDICT = 260
"""Bytes of a verdict in the table beside its prediction: ids, version, time, names."""
PREDICTION = 150
"""Bytes that a prediction is taken to have."""
_ID = f"shardId-{0:012}:{'4' * 56}"


@dataclass(frozen=True, slots=True)
class JoinSizes:
    """What one key takes. verdicts: expected ones. messages: of a decision, their bytes, keys included.

    adds, commit, publish: write units of the table, each add in a batch of its own; fewer where verdicts come
    in one batch. reads: read units of its deadline. hops: messages of the queue until its deadline.
    item: bytes at its end. keep_days: how long it stays. subject, verdict: bytes on their streams. labels:
    whether some verdicts are labels, which have a stream of their own.
    """

    verdicts: int
    messages: tuple[int, ...]
    adds: int
    commit: int
    publish: int
    reads: int
    hops: int
    item: int
    keep_days: int
    subject: int
    verdict: int
    labels: bool = False

    @property
    def index(self) -> int:
        """Write units of the index."""
        return INDEX_UNITS

    @property
    def writes(self) -> int:
        """Write units of table and index together."""
        return self.adds + self.commit + self.publish + self.index

    @property
    def calls(self) -> int:
        """Writes of the table: the subject's, each verdict's, the decision's, the note that it is put."""
        return 1 + self.verdicts + 2


def sizes_of(join: Join[Any]) -> JoinSizes:
    """Return what a key of a join takes, by its example, at the most: each event in a batch of its own.

    Raises SettingsError for a join that would not start.
    """
    join.prove()
    Effects(join).prove()
    subject = msgspec.json.encode(join.example)
    key: Key = getattr(join.example, join.id)
    counted = tuple(Counted(source, "0" * 32, _ID) for source in sorted(join.expected))
    decision = join.decide({}, join.expected, True)
    assert decision is not None  # noqa: S101  (proven above)
    decided = decided_of(join, key, 1, decision, verdicts=counted)
    entries = Effects(join).entries(key, subject, decided)
    empty = FIXED + len(key_text(key)) + len(expected_text(join.expected))
    a_verdict = OF_A_VERDICT + PREDICTION
    grown = [empty + len(subject) + number * a_verdict for number in range(len(join.expected) + 1)]
    item = grown[-1] + len(decision_text(decided))
    return JoinSizes(
        verdicts=len(join.expected),
        messages=tuple(len(entry.data) + len(entry.partition_key) for entry in entries),
        adds=sum(_units(size) for size in grown),
        commit=_units(item),
        publish=_units(item),
        reads=ceil(item / READ_UNIT),
        hops=max(1, ceil(join.deadline / MAX_DELAY)),
        item=item,
        keep_days=join.keep_days,
        subject=len(subject) + len(str(key)),
        verdict=a_verdict + len(str(key)),
        labels=bool(join.observed),
    )


def _units(size: int) -> int:
    return ceil(size / WRITE_UNIT)


def require_rate(rate: float) -> float:
    """Return a rate. Raises UsageError for what is none."""
    if not 0 < rate <= MAX_RATE:
        raise UsageError(
            f"RATE={rate:g} is no rate: give subjects a second, above 0 and up to {MAX_RATE:,.0f}"
        )
    return rate
