"""What must hold, whatever strikes: it sees all that is stored, acknowledged and answered, and judges it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from inputs import Input, Part

from threeways.errors import NoTimeToDeliver, NoTimeToScore, ResourceExhausted
from threeways.stream.quarantine import QuarantineEntry

IN_TIME = {NoTimeToScore.code, ResourceExhausted.code}
"""What sound records go to quarantine with; whether they should is for a test of its own."""


class Violation(AssertionError):
    """The code under test has lost a record, or lied about one. schedule: its text, for `world.replay`."""

    schedule = ""


class _Prediction(msgspec.Struct):
    source_event_id: str | None
    prediction: dict[str, float]


class _EventRecord(msgspec.Struct):
    event_id: str = msgspec.field(name="eventID")


class _Event(msgspec.Struct):
    records: list[_EventRecord] = msgspec.field(name="Records")


class _Document(msgspec.Struct):
    payload: str


_predictions = msgspec.json.Decoder(_Prediction)
_entries = msgspec.json.Decoder(QuarantineEntry)
_documents = msgspec.json.Decoder(_Document)
_events = msgspec.json.Decoder(_Event)


class Watcher:
    """violations: what did not hold, told by `said` so that no code under test can swallow it."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self._inputs: dict[str, Input] = {}  # by the Kinesis record's event id
        self._shards: dict[str, list[str]] = {}
        self._passed: dict[str, int] = {}
        self._parts: dict[str, Part] = {}
        self._rides: dict[str, Part] = {}
        self._order: dict[str, int] = {}  # event id -> its place in the input
        self._latest: dict[str, tuple[int, str]] = {}  # key -> of those delivered, the last one's place
        self._delivered: set[str] = set()
        self._objects: dict[str, Sequence[str]] = {}
        self._given_up: set[str] = set()
        self._ever: set[str] = set()
        self._now: set[str] = set()

    def __len__(self) -> int:
        return len(self._inputs)

    def put(self, shard: str, inputs: Iterable[Input]) -> None:
        """These are on a shard of the input stream."""
        known = self._shards.setdefault(shard, [])
        for given in inputs:
            record_id = f"{shard}:{given.record.sequence_number}"
            known.append(record_id)
            self._inputs[record_id] = given
            for part in given.parts:
                self._order[part.event_id] = len(self._parts)
                self._parts[part.event_id] = part
                self._rides[str(part.ride_id)] = part

    def prediction(self, data: bytes, partition_key: str) -> str:
        """Judge one prediction that is put, stored or not; its record's event id."""
        put = _predictions.decode(data)
        part = self._rides[partition_key]
        if put.source_event_id != part.event_id:
            self.violations.append(f"{part.event_id} is delivered as {put.source_event_id}")
        if not part.good or put.prediction != {"ride_id": part.ride_id, "ride_duration": part.value}:
            self.violations.append(f"{part.event_id} is predicted {put.prediction}")
        return part.event_id

    def prediction_of_key(self, data: bytes, partition_key: str) -> str:
        """The same where predictions are put under their input's partition key."""
        event_id = self.prediction(data, str(_predictions.decode(data).prediction["ride_id"]).split(".")[0])
        if self._parts[event_id].key != partition_key:
            self.violations.append(f"{event_id} is put under {partition_key}")
        return event_id

    def delivered(self, event_id: str) -> None:
        """The output stream stores a prediction: a key's first ones are to come in the order of the input."""
        if event_id in self._delivered:
            return
        self._delivered.add(event_id)
        key, place = self._parts[event_id].key, self._order[event_id]
        last, last_id = self._latest.get(key, (-1, ""))
        if place > last:
            self._latest[key] = place, event_id
        elif (
            _record_id(event_id) not in self._given_up
        ):  # a call that was left behind may still store it then
            self.violations.append(f"{event_id} is first delivered after {last_id}, of the same key")

    def quarantine_entries(self, body: bytes) -> list[str]:
        """Judge the entries of an object that is put, stored or not; their event ids."""
        ids = []
        for entry in _entries.decode_lines(body):
            if entry.code == NoTimeToDeliver.code:
                ids += [part.event_id for part in self._inputs[entry.source_event_id].parts]
                continue
            part = self._parts.get(entry.source_event_id)
            if part is None or (part.good and entry.code not in IN_TIME) or part.data != entry.data:
                self.violations.append(f"quarantine gets {entry.source_event_id} with {entry.data!r}")
            ids.append(entry.source_event_id)
        return ids

    def quarantined(self, key: str, event_ids: Sequence[str]) -> None:
        """The bucket stores an object."""
        self._objects[key] = event_ids

    def given_up(self, body: bytes) -> None:
        """The failure destination stores a document."""
        event = _documents.decode(body).payload.encode()
        self._given_up.update(record.event_id for record in _events.decode(event).records)

    @property
    def gave_up(self) -> bool:
        """Whether anything went to the failure destination."""
        return bool(self._given_up)

    def begins(self) -> None:
        """An invocation begins."""
        self._now.clear()

    def acknowledged(self, event_ids: Iterable[str]) -> None:
        """The code under test is told that these are stored."""
        for event_id in event_ids:
            self._now.add(event_id)
            self._ever.add(event_id)

    def answered(self, record_ids: Sequence[str], answer: object) -> None:
        """Judge what an invocation of these records answers, whether or not the answer is lost."""
        lowest = next((record_id for record_id in record_ids if not self._done(record_id)), None)
        failures = [{"itemIdentifier": lowest.partition(":")[2]}] if lowest else []
        if answer != {"batchItemFailures": failures}:
            self.violations.append(f"the lowest unfinished record is {lowest}; the answer is {answer}")

    def _done(self, record_id: str) -> bool:
        return all(part.event_id in self._now for part in self._inputs[record_id].parts)

    def check(self, checkpoints: Iterable[tuple[str, str | None]]) -> None:
        """Judge how far the mapping's shards are: (id, checkpoint) of each. Raises Violation."""
        for shard, checkpoint in checkpoints:
            if checkpoint is None:
                continue
            ids, passed = self._shards[shard], self._passed.get(shard, 0)
            over = ids.index(f"{shard}:{checkpoint}") + 1
            for record_id in ids[passed:over]:
                self._judge(record_id)
            self._passed[shard] = over
        if self.violations:
            raise Violation("; ".join(self.violations))

    def _judge(self, record_id: str) -> None:
        """A record that the mapping has passed is done, or it is at the failure destination."""
        if record_id in self._given_up:
            return
        for part in self._inputs[record_id].parts:
            if part.event_id not in self._ever:
                self.violations.append(f"{part.event_id} was passed and never acknowledged")
            if not self._is_home(part):
                self.violations.append(f"{part.event_id} was passed and is lost")

    def _is_home(self, part: Part) -> bool:
        if part.good and part.event_id in self._delivered:
            return True
        return any(part.event_id in ids for ids in self._objects.values())

    def check_all(self) -> None:
        """When all is over: every record is somewhere. Raises Violation."""
        for shard, ids in self._shards.items():
            if self._passed.get(shard, 0) < len(ids):
                self.violations.append(f"{shard} does not drain: {self._passed.get(shard, 0)} of {len(ids)}")
            for record_id in ids:
                self._judge(record_id)
        if self.violations:
            raise Violation("; ".join(dict.fromkeys(self.violations)))


def _record_id(event_id: str) -> str:
    return ":".join(event_id.split(":", 2)[:2])
