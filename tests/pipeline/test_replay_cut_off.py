"""Replays whose function fails, and replays that are cut off: nothing is lost, and the next one finishes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from doubles import kinesis_event, ride
from replay_lab import Lab, entry, failure_document, ids, lines, quarantine_of

from threeways.aws.invocation import FunctionError, InvocationResult
from threeways.ops.locations import Bucket
from threeways.ops.replay import rounds

pytest_plugins = ["replay_fixtures"]
DONE = InvocationResult(payload=b'{"batchItemFailures": []}')
FAILED = InvocationResult(error=FunctionError("Runtime.ExitError", "it was killed"))


def test_what_the_function_does_not_finish_stays_and_the_rest_leaves(lab: Lab) -> None:
    lab.before = lambda event: (
        FAILED if any("kills" in r["kinesis"]["partitionKey"] for r in event["Records"]) else None
    )
    entries = [entry(ids(n)[0], ride(n), "kills it" if n == 13 else "k") for n in range(1, 30)]
    lab.put("quarantine/a.jsonl", lines(entries[:20]))
    lab.put("quarantine/b.jsonl", lines(entries[20:]))
    lab.put("failures/x", failure_document(kinesis_event([ride(1), ride(2)], keys=["k", "kills it"])))
    for place in (quarantine_of(lab), Bucket(lab.name, "failures", "f")):
        replay = lab.replay(place)
        replay.run()
        assert (replay.ledger.unfinished, replay.ledger.lost, replay.ledger.complete) == (1, 0, False)
    assert lab.quarantined() == ids(13)
    assert len(lab.predicted_ids()) == 28 + 1
    lab.before = lambda event: None
    for place in (quarantine_of(lab), Bucket(lab.name, "failures", "f")):
        replay = lab.replay(place)
        replay.run()
        assert (replay.ledger.read, replay.ledger.predicted, replay.ledger.complete) == (1, 1, True)
    assert lab.there() == []


def test_a_function_that_says_done_and_did_nothing_is_not_believed(lab: Lab) -> None:
    lab.before = lambda event: DONE
    lab.put("quarantine/a.jsonl", lines([entry(ids(1)[0], ride(1)), entry(ids(2)[0], b"junk")]))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert (replay.ledger.lost, replay.ledger.complete) == (2, False)
    assert lab.quarantined() == ids(1, 2)
    assert any(ids(1)[0] in line for line in lab.said)


def test_a_function_that_fails_on_everything_is_left_alone_soon(lab: Lab) -> None:
    lab.before = lambda event: FAILED
    lab.put("quarantine/a.jsonl", lines(entry(ids(n)[0], ride(n)) for n in range(1_000)))
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    assert len(lab.events) < 50
    assert (replay.ledger.read, replay.ledger.unfinished) == (1_000, 1_000)
    assert lab.there() == ["quarantine/a.jsonl"]


class Cut(BaseException):
    """Ctrl-C, pressed twice."""


def cut_at(moment: int, functions: dict[str, Callable[..., Any]]) -> dict[str, Callable[..., Any]]:
    """The functions, of whose calls all together the one of that number is cut off before or after."""
    calls = iter(range(10_000))

    def cutting(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if next(calls) == moment:
                raise Cut
            answer = function(*arguments)
            if next(calls) == moment:
                raise Cut
            return answer

        return call

    return {name: cutting(function) for name, function in functions.items()}


@pytest.mark.exhaustive
def test_cut_off_anywhere_nothing_is_lost_and_the_next_run_finishes(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "ROUND_EVENTS", 2)
    everything, good = ids(*range(1, 7)), ids(1, 2, 4, 5)
    moment, cuts = 0, 0
    while cuts == moment:
        for key in lab.there():
            lab.s3.delete_object(Bucket=lab.name, Key=key)
        for name, numbers in {"a": (1, 2, 3), "b": (4,), "c": (5, 6)}.items():
            bodies = [entry(ids(n)[0], b"junk" if n in (3, 6) else ride(n)) for n in numbers]
            lab.put(f"quarantine/{name}.jsonl", lines(bodies))
        before = len(lab.predicted())
        place = quarantine_of(lab)
        replay = lab.replay(place)
        cutting = cut_at(moment, {"invoke": lab.invoke, "remove": place.remove, "keep": replay.keep})
        replay.sender._invoke, replay.keep = cutting["invoke"], cutting["keep"]
        place.remove = cutting["remove"]  # type: ignore[method-assign]  # a method cut off
        try:
            replay.run()
        except Cut:
            cuts += 1
        made = {one["source_event_id"] for one in lab.predicted()[before:]}
        assert made | set(lab.quarantined()) == set(everything)
        again = lab.replay(quarantine_of(lab))
        again.run()
        assert again.ledger.complete
        assert lab.quarantined() == ids(3, 6)
        assert {one["source_event_id"] for one in lab.predicted()[before:]} == set(good)
        moment += 1
    assert cuts > 10


def test_stopped_between_rounds_the_rest_is_left_for_the_next_time(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "ROUND_EVENTS", 1)
    for n in range(1, 5):
        lab.put(f"quarantine/{n}.jsonl", lines([entry(ids(n)[0], ride(n))]))

    def stop_at_the_second(event: dict[str, Any]) -> None:
        if len(lab.events) == 2:
            lab.stopping.set()

    lab.before = stop_at_the_second
    replay = lab.replay(quarantine_of(lab))
    replay.run()
    account = replay.ledger
    assert (account.read, account.predicted, account.not_opened, account.complete) == (2, 2, 2, False)
    assert lab.quarantined() == ids(3, 4)
