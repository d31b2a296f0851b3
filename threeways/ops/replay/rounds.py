"""The replay itself: read objects, give their events to the function, read back, remove what is proved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

from threeways.ops.locations import Place
from threeways.ops.replay.documents import Fetch, Source, Unreadable, open_source
from threeways.ops.replay.ledger import ReplayLedger
from threeways.ops.replay.proof import Found, Keep, Proof
from threeways.ops.replay.sending import Sender
from threeways.stream.records import Record

ROUND_EVENTS = 5_000
ROUND_BYTES = 32 * 2**20
"""What is read before it is sent: bounds the memory, and what is sent again after a kill."""


@dataclass
class Replay:
    """One replay of a place.

    keys: its objects. make_proof: called before each round with the hours in which its records arrived, and
    with the records by event id.
    keep: gets what a round proved before anything is removed. tell: gets a line for people.
    """

    place: Place
    keys: list[str]
    fetch: Fetch
    sender: Sender
    make_proof: Callable[[Collection[datetime], Mapping[str, Record]], Proof]
    keep: Keep
    tell: Callable[[str], None]
    ledger: ReplayLedger = field(default_factory=ReplayLedger)
    _read: dict[str, bytes] = field(default_factory=dict)
    """Event id -> digest of its data."""
    _settled: set[str] = field(default_factory=set)
    """What is predicted or in quarantine anew."""
    _fresh: set[str] = field(default_factory=set)
    """The objects of quarantine that the function wrote meanwhile: it may replace one that is replayed."""
    _lost: set[str] = field(default_factory=set)
    """What the function was done with, and was found in neither."""

    def run(self) -> None:
        """Replay everything by rounds. Raises boto's errors and LocationError; the ledger is true then."""
        self.ledger.objects = self.ledger.not_opened = len(self.keys)
        try:
            for sources in self._rounds():
                self._round(sources)
                if self.sender.over:
                    return
        finally:
            account = self.ledger
            account.read = len(self._read)
            account.unfinished = account.read - len(self._settled) - account.lost

    def _rounds(self) -> Iterator[list[Source]]:
        """Yield the sources, some at a time."""
        sources: list[Source] = []
        events = size = 0
        for key in self.keys:
            source = self._open(key)
            if source is None:
                continue
            sources.append(source)
            events += len(source.records)
            size += sum(len(record.data) for record in source.records)
            if events >= ROUND_EVENTS or size >= ROUND_BYTES:
                yield sources
                sources, events, size = [], 0, 0
        if sources:
            yield sources

    def _open(self, key: str) -> Source | None:
        """Return an object's events; None for one that cannot be replayed, or is gone by now."""
        self.ledger.not_opened -= 1
        try:
            source = open_source(key, self.place.read(key), self.fetch)
            self._note(source)
        except FileNotFoundError:
            self.ledger.objects -= 1
            return None
        except Unreadable as error:
            self.ledger.unreadable += 1
            self.tell(f"{key or self.place.name}: {error}")
            return None
        if source.gone:
            self.ledger.gone += source.gone
            self.tell(f"{key}: {source.gone:,} of its records are no longer on their stream")
        return source

    def _note(self, source: Source) -> None:
        """Remember what was read. Raises Unreadable where an id was read before with other bytes."""
        digests = {record.event_id: sha256(record.data).digest() for record in source.records}
        for event_id, digest in digests.items():
            if self._read.get(event_id, digest) != digest:
                raise Unreadable(
                    f"{event_id} was read already with other bytes, so it is of another stream: "
                    "replay each run's folder by itself"
                )
        self._read |= digests

    def _round(self, sources: list[Source]) -> None:
        records: dict[str, Record] = {}
        for source in sources:
            records |= {record.event_id: record for record in source.records}
        waiting = [record for event_id, record in records.items() if event_id not in self._settled]
        hours = {
            record.arrived.astimezone(UTC).replace(minute=0, second=0, microsecond=0) for record in waiting
        }
        proof = self.make_proof(hours, records)
        done = [record.event_id for record in self.sender.send(waiting)]
        found = proof.find([one for one in done if one not in self.sender.without_messages])
        self.keep(found)
        silent = self.sender.without_messages.intersection(done)
        self.ledger.without_messages += len(silent)
        self._settled |= found.predicted.keys() | found.quarantined.keys() | silent
        self._fresh |= found.objects
        self._lost = (self._lost | set(done)) - self._settled
        self._account(done, found)
        for source in sources:
            self._settle(source)

    def _account(self, done: list[str], found: Found) -> None:
        self.ledger.predicted += len(found.predicted)
        self.ledger.quarantined += len(found.quarantined)
        self.ledger.lost = len(self._lost)
        self.tell(
            f"{len(done):,} events done: {len(found.predicted):,} predicted, "
            f"{len(found.quarantined):,} in quarantine again"
        )
        lost = sorted(set(done) - self._settled)
        if lost:
            self.tell(f"not found again: {', '.join(lost[:10])}{' …' * (len(lost) > 10)}")

    def _settle(self, source: Source) -> None:
        """Remove an object whose events are all proved; else leave those in it that are not."""
        stay = {record.event_id for record in source.records if record.event_id not in self._settled}
        replaced = self.place.uri(source.key) in self._fresh
        if not stay and not source.gone:
            if not replaced:
                self.place.remove(source.key)
            self.ledger.removed += 1
        elif replaced:
            return
        elif len(stay) < len(source.records):
            self.place.keep(source.key, source.rest(stay) if stay else None)
        else:
            self.place.keep(source.key, None)
