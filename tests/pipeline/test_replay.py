"""Replays on the emulator: what becomes of each event, and of each object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from doubles import kinesis_event, ride
from kpl import aggregated, sealed
from replay_lab import ARRIVED, Lab, entry, failure_document, ids, lines, quarantine_of
from rich.console import Console
from uneven import UnevenClient

from threeways.aws.invocation import InvocationResult
from threeways.local_run.stack import RunningStack
from threeways.ops.locations import Bucket, Folder
from threeways.ops.replay import rounds
from threeways.stream.quarantine import read

pytest_plugins = ["replay_fixtures"]
DONE = InvocationResult(payload=b'{"batchItemFailures": []}')


def test_what_can_be_scored_now_is_predicted_with_its_own_id_and_arrival_and_leaves(lab: Lab) -> None:
    good, still_bad = ids(7)[0], ids(8)[0]
    lab.put("quarantine/2026/03/01/13/a.jsonl", lines([entry(good, ride(1), "k"), entry(still_bad, b"junk")]))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert lab.predicted_ids() == [good]
    [event] = lab.events
    sent = event["Records"][0]
    assert (sent["eventID"], sent["kinesis"]["sequenceNumber"], sent["kinesis"]["partitionKey"]) == (
        good, "7", "k",
    )  # fmt: skip
    assert sent["kinesis"]["approximateArrivalTimestamp"] == ARRIVED.timestamp()
    [(key, kept)] = read(lab.s3, lab.quarantine)
    assert key != "quarantine/2026/03/01/13/a.jsonl"
    assert (kept.source_event_id, kept.data, kept.arrived) == (still_bad, b"junk", ARRIVED)
    assert (kept.code, kept.message != "the reason of then") == ("undecodable", True)
    account = replay.ledger
    assert (account.read, account.predicted, account.quarantined) == (2, 1, 1)
    assert (account.removed, account.complete) == (1, True)


def test_every_prediction_is_found_again_however_the_pages_come(lab: Lab) -> None:
    client: Any = UnevenClient(lab.kinesis)
    lab.kinesis = client
    lab.put("quarantine/a.jsonl", lines([entry(ids(n)[0], ride(n), str(n)) for n in range(1, 451)]))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert (replay.ledger.predicted, replay.ledger.lost, replay.ledger.removed) == (450, 0, 1)


def test_reading_back_ends_on_a_stream_that_others_write_to_all_the_time(lab: Lab) -> None:
    class Endless(UnevenClient):
        """Before each read another producer puts a record."""

        def get_records(self, **arguments: Any) -> Any:
            self._kinesis.put_record(StreamName=lab.name, Data=b"{}", PartitionKey="other")
            return self._kinesis.get_records(**arguments)

    client: Any = Endless(lab.kinesis)
    lab.kinesis = client
    lab.put("quarantine/a.jsonl", lines([entry(ids(1)[0], ride(1))]))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert (replay.ledger.predicted, replay.ledger.complete) == (1, True)


def test_a_second_run_changes_nothing(lab: Lab) -> None:
    lab.put("quarantine/a.jsonl", lines([entry(ids(1)[0], ride(1)), entry(ids(2)[0], b"junk")]))
    for _ in range(2):
        again = lab.replay(quarantine_of(lab))
        again.run()
        assert (lab.predicted_ids(), lab.quarantined()) == (ids(1), ids(2))
    assert (again.ledger.read, again.ledger.predicted, again.ledger.quarantined) == (1, 0, 1)


def test_a_record_that_is_there_twice_is_scored_once(lab: Lab) -> None:
    for name in "ab":
        lab.put(f"quarantine/{name}.jsonl", lines([entry(ids(1)[0], ride(1)), entry(ids(2)[0], b"junk")]))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert (lab.predicted_ids(), lab.quarantined()) == (ids(1), ids(2))
    assert (replay.ledger.read, replay.ledger.removed) == (2, 2)


@pytest.mark.parametrize("round_events", [1, 5_000])
def test_an_object_that_the_function_replaces_is_not_removed(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, round_events: int
) -> None:
    """A quarantine may name its objects by their records alone."""
    monkeypatch.setattr(rounds, "ROUND_EVENTS", round_events)
    body = lines([entry(ids(2)[0], b"junk")])
    for name in ("b", "a"):
        lab.put(f"quarantine/2026/03/01/13/{name}.jsonl", body)

    def replaces(event: dict[str, Any]) -> InvocationResult:
        lab.put("quarantine/2026/03/01/13/b.jsonl", lines([entry(ids(2)[0], b"junk", "renewed")]))
        return DONE

    lab.before = replaces
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    [(key, kept)] = read(lab.s3, lab.quarantine)
    assert (key, kept.partition_key) == ("quarantine/2026/03/01/13/b.jsonl", "renewed")
    assert replay.ledger.complete


def test_user_records_of_a_given_up_aggregated_record_are_accounted_for_on_their_own(lab: Lab) -> None:
    data = aggregated([("a", ride(1), None), ("b", b"junk", None), ("c", ride(2), None)])
    lab.put("failures/x", failure_document(kinesis_event([ride(3), data, sealed(b"")])))
    replay = lab.replay(Bucket(lab.name, "failures", "f"))
    replay.run()
    assert lab.predicted_ids() == ids(1001, "1002:0", "1002:2")
    assert lab.quarantined() == ids("1002:1")
    assert (replay.ledger.read, replay.ledger.removed, lab.there("failures")) == (4, 1, [])


def test_an_aggregated_record_that_was_quarantined_whole_is_taken_apart_now(lab: Lab) -> None:
    data = aggregated([("a", ride(1), None), ("b", ride(2), None)])
    lab.put("quarantine/a.jsonl", lines([entry(ids(5)[0], data)]))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert (lab.predicted_ids(), lab.quarantined()) == (ids("5:0", "5:1"), [])
    assert replay.ledger.complete


def test_a_failure_document_without_records_is_fetched_from_its_stream(lab: Lab) -> None:
    lab.kinesis.create_stream(StreamName=f"{lab.name}-in", ShardCount=1)
    numbers = [
        lab.kinesis.put_record(StreamName=f"{lab.name}-in", PartitionKey="k", Data=ride(n))["SequenceNumber"]
        for n in range(5)
    ]
    arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{lab.name}-in"
    batch = {"startSequenceNumber": numbers[1], "endSequenceNumber": numbers[3], "streamArn": arn}
    lab.put("failures/held", failure_document(None, batchSize=3, **batch))
    lab.put("failures/trimmed", failure_document(None, batchSize=10, **batch | {"startSequenceNumber": "1"}))
    lab.put("failures/no stream", failure_document(None, batchSize=4, **batch | {"streamArn": arn + "x"}))
    replay = lab.replay(Bucket(lab.name, "failures", "f"))
    replay.run()
    assert lab.predicted_ids() == ids(*numbers[:4])
    assert (replay.ledger.read, replay.ledger.predicted, replay.ledger.gone) == (4, 4, 6 + 4)
    assert lab.there("failures") == ["failures/no stream", "failures/trimmed"]
    assert not replay.ledger.complete


def test_objects_that_are_neither_are_named_and_left_alone(lab: Lab) -> None:
    lab.put("quarantine/a.jsonl", lines([entry(ids(1)[0], ride(1))]))
    for name in ("half.jsonl", "notes.txt", "empty", "other.json"):
        lab.put(f"quarantine/{name}", {"notes.txt": b"look here", "empty": b"", "other.json": b"{}"}.get(
            name, lines([entry(ids(2)[0], ride(2))])[:-9])
        )  # fmt: skip
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert (replay.ledger.unreadable, replay.ledger.predicted, replay.ledger.complete) == (4, 1, False)
    assert len(lab.there()) == 4
    assert any("notes.txt" in line for line in lab.said)


def test_the_same_id_with_other_bytes_is_another_stream_s_and_left_alone(lab: Lab, tmp_path: Path) -> None:
    for n, data in enumerate([ride(1), ride(2)]):
        (tmp_path / f"{n}.jsonl").write_bytes(lines([entry(ids(1)[0], data)]))
    replay = lab.replay(Folder(str(tmp_path)))
    replay.run()
    assert [one["prediction"]["ride_id"] for one in lab.predicted()] == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["1.jsonl"]
    assert (replay.ledger.unreadable, replay.ledger.complete) == (1, False)


def test_what_a_run_abandoned_is_read_back_from_the_failure_documents(lab: Lab, tmp_path: Path) -> None:
    lab.s3.create_bucket(Bucket=f"{lab.name}-failures")
    body = failure_document(kinesis_event([ride(1), ride(2)]))
    lab.s3.put_object(Bucket=f"{lab.name}-failures", Key="aws/lambda/uuid/x", Body=body)
    lab.put("quarantine/a.jsonl", lines([entry(ids(7)[0], b"junk")]))
    no_model: Any = None
    stack = RunningStack(tmp_path, no_model, None, Console())
    stack.s3, stack.quarantine, stack.failures = lab.s3, lab.quarantine, f"{lab.name}-failures"
    back = stack.read_back()
    assert (sorted(back.quarantined), sorted(back.abandoned)) == (ids(7), ids(1001, 1002))
    assert (tmp_path / "failures" / "aws/lambda/uuid/x").read_bytes() == body
