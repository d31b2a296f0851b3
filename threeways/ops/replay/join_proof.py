"""What became of a join's records: the table has them under their keys, or they are in quarantine again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from threeways.aws.calls import Deadline
from threeways.errors import LocationError, PermanentError, SettingsError
from threeways.join.events import Events
from threeways.join.finding import find
from threeways.join.join import Join
from threeways.join.settling import Arrival
from threeways.join.state import KeyState
from threeways.join.table import DynamoTable
from threeways.ops.replay.proof import PATIENCE_SECONDS, Found, Proof
from threeways.ops.replay.target import Outputs
from threeways.settings import JoinSettings
from threeways.stream.records import Record


class JoinProof(Proof):
    """Looks for records under their keys. records: by event id. Its methods raise boto's errors."""

    def __init__(
        self,
        outputs: Outputs,
        hours: Collection[datetime],
        records: Mapping[str, Record],
        join: Join[Any],
        table: DynamoTable,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        super().__init__(outputs, hours, patience)
        self._records = records
        self._join_events = Events(join)
        self._table = table

    def _look_on_stream(self, ids: set[str], found: Found) -> None:
        """Read the key of each record; it is there where the key has the record's subject or verdict."""
        for event_id in ids:
            record = self._records[event_id]
            try:
                key, arrival = self._join_events.read(event_id, record.data, record.arrived_at)
            except PermanentError:
                continue  # in quarantine, or about to be
            state = self._table.load(key, Deadline.of(None))
            if state is not None and holds(state, arrival):
                found.predicted[event_id] = record.data


def holds(state: KeyState, arrival: Arrival) -> bool:
    """Return whether a key has a record's subject or verdict."""
    if arrival.verdict is None:
        return state.subject == arrival.subject
    kept = state.verdicts.get(arrival.slot)
    return kept is not None and kept.id == arrival.verdict.id


def join_of(settings: JoinSettings, name: str) -> Join[Any]:
    """Return the join of a deployed function, by which its records are read here. Raises LocationError."""
    try:
        return find(settings.join or "", settings.join_policy)
    except SettingsError as error:
        raise LocationError(
            f"FUNCTION={name} can't be used from here, for its records are looked for by its join: {error}"
        ) from None
