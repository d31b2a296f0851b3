"""What must not have happened: events out of order, or predicted under another id."""

from __future__ import annotations

from collections import defaultdict

from msgspec import UNSET, UnsetType

from threeways.local_run.ledger import Account, Ledger
from threeways.scoring.events import Events
from threeways.stream.records import kinesis_id


class TortureLedger(Ledger, frozen=True, kw_only=True):
    """The account of a run, and what befell it.

    order_violations: first deliveries that came before that of an earlier event of their input partition key.
    kills: function processes SIGKILLed. throttles: PutRecords calls refused whole. partial_failures: those
    answered with failed entries, by the schedule or by a shard's limits. reshards: splits and merges.
    duplicates_with_new_id: predictions whose source_event_id is not that of the event they are for.
    struck: faults by kind. Where models are promoted meanwhile: promotions, how often; mixed_batches, those
    whose predictions are of several versions; by_refused, predictions of a model that must not take over.
    """

    order_violations: int
    kills: int
    throttles: int
    partial_failures: int
    reshards: int
    duplicates_with_new_id: int
    seed: int
    faults: str
    struck: dict[str, int]
    promotions: int | UnsetType = UNSET
    mixed_batches: int | UnsetType = UNSET
    by_refused: int | UnsetType = UNSET

    @property
    def failed(self) -> bool:
        """Whether the function broke a promise: lost an event, left one, changed an order or an id."""
        wrong = (self.order_violations, self.duplicates_with_new_id, self.mixed_batches, self.by_refused)
        return super().failed or any(one for one in wrong if one is not UNSET)

    @property
    def sound(self) -> bool:
        """Whether the function did what it promises, to the end."""
        return not (self.failed or self.pending)


def out_of_order(account: Account) -> list[str]:
    """Event ids whose first prediction came before that of the event before them under the same key.

    Of events with several messages it is the first one's that must not come before the last one's.

    The order of a key is that of its sequence numbers, on both streams: the emulator numbers all shards of
    all streams from one counter, so that it holds across shards too.
    """
    of_key: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for event_id, sent in account.sent.items():
        if event_id in account.predictions:
            of_key[sent.key].append((_number(event_id), event_id))
    found = []
    for events in of_key.values():
        last = 0
        for _, event_id in sorted(events):
            received = account.predictions[event_id]
            if received.number < last:
                found.append(event_id)
            last = max(last, received.number, received.last)
    return found


def wrong_ids(account: Account, events: Events) -> list[str]:
    """Event ids of predictions that are not those of the event that they name, or of none that was sent."""
    found = []
    for event_id, received in account.predictions.items():
        sent = account.sent.get(event_id)
        if sent is None or sent.index is None or events.ids[sent.index] != received.entity:
            found.append(event_id)
    return found


def _number(event_id: str) -> int:
    return int(kinesis_id(event_id).partition(":")[2])
