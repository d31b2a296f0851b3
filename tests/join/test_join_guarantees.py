"""What a join guarantees, on the emulator's table, queue, streams and quarantine: one test each."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from join_lab import event, said, upload, verdict
from join_world import Seconds, World

from threeways.emulator.faults import Fault, Kind, Script
from threeways.errors import DeadlineNear

ALLOWED = (upload(1), verdict(1), verdict(1, "violence", 0.2))


def test_one_decision_a_key_and_revision_though_everybody_decides_at_once(world: World) -> None:
    world.put(upload(1), verdict(1))
    world.clock.now += 601
    timer = {"key": 1, "due": world.clock.now - 1}
    with ThreadPoolExecutor(12) as pool:
        jobs: list[Future[Any]] = [pool.submit(world.put, verdict(1, "violence", 0.2)) for _ in range(4)]
        jobs += [pool.submit(world.expire, timer) for _ in range(4)]
        jobs += [pool.submit(world.sweep) for _ in range(4)]
        for job in jobs:
            job.result()
    assert world.telemetry.counts["Decided"] == 1
    decisions = world.state(1).decisions
    assert sorted(decisions) == list(range(1, len(decisions) + 1))
    assert len({one.id for one in decisions.values()}) == len(decisions)


@pytest.mark.parametrize("turned", [False, True])
def test_a_redelivered_or_reordered_verdict_changes_nothing(world: World, turned: bool) -> None:
    batch = ALLOWED[::-1] if turned else ALLOWED
    assert world.put(*batch) == []
    first = world.state(1).decisions
    assert [one.outcome for one in first.values()] == ["allow"]
    assert world.put(*batch) == []
    assert world.put(*batch[::-1], *batch) == []
    assert world.state(1).decisions == first
    assert world.quarantined() == []


def test_an_upload_without_a_verdict_is_decided_at_its_deadline_by_its_timer(world: World) -> None:
    world.use(deadline=0.9)
    world.put(upload(1))
    world.clock.now += 0.9
    timers: list[Any] = []
    while not timers:
        timers = world.timers_set()
    assert world.expire(*timers) == []
    [decided] = world.state(1).decisions.values()
    assert (decided.outcome, decided.missing, decided.expired) == ("review", ("nsfw", "violence"), True)


def test_an_upload_is_decided_by_the_sweep_where_the_queue_is_down(world: World) -> None:
    world.faults(Script(SendMessageBatch=[Fault(Kind.ERROR)] * 9))
    assert world.put(upload(1), verdict(1)) == []
    assert world.telemetry.last.counts["TimersFailed"] == 1
    assert world.queued() == 0
    world.clock.now += 601
    assert world.sweep()["Decided"] == 1
    [decided] = world.state(1).decisions.values()
    assert (decided.outcome, decided.missing) == ("review", ("violence",))
    assert world.telemetry.last.ages["OverdueAge"] == pytest.approx(1.0)


def test_partial_verdicts_are_named_in_the_decision(world: World) -> None:
    world.put(upload(1), verdict(1, "nsfw", 0.4))
    world.clock.now += 601
    world.sweep()
    [decided] = world.state(1).decisions.values()
    assert [(one.source, one.version, one.id) for one in decided.verdicts] == [("nsfw", "7", "nsfw-1")]
    assert decided.missing == ("violence",)


def test_a_late_verdict_makes_a_revision_that_names_what_it_supersedes(world: World) -> None:
    world.put(upload(1), verdict(1))
    world.clock.now += 601
    world.sweep()
    assert world.put(verdict(1, "violence", 0.95)) == []
    first, second = world.state(1).decisions.values()
    assert (first.outcome, second.outcome) == ("review", "remove")
    assert second.supersedes == first.id
    assert world.telemetry.last.counts["Late"] == 1
    assert world.telemetry.last.counts["Revisions"] == 1


def test_a_late_verdict_is_kept_and_changes_nothing_where_the_policy_ignores_it(world: World) -> None:
    world.use(late="ignore")
    world.put(upload(1), verdict(1))
    world.clock.now += 601
    world.sweep()
    world.put(verdict(1, "violence", 0.95))
    assert world.outcomes(1) == ["review"]
    assert world.state(1).verdicts["violence"].prediction.score == 0.95


def test_a_persons_verdict_counts_after_the_decision_and_the_newest_of_them(world: World) -> None:
    world.put(*ALLOWED)
    world.put(said(1, "remove", "p1"))
    world.clock.now += 5
    world.put(said(1, "allow", "p2", "bea"))
    assert world.outcomes(1) == ["allow", "remove", "allow"]
    assert world.state(1).decisions[3].facts == {"by": "bea"}


def test_no_verdict_is_dropped_without_a_trace(world: World) -> None:
    """Each of a batch is in its key's item, or in the quarantine with its reason."""
    other = verdict(1, "nsfw", 0.99, id="other")
    assert (
        world.put(upload(1), verdict(1), other, verdict(2), verdict(1, "who"), b"{", upload(1, "user-2"))
        == []
    )
    assert world.state(1).verdicts["nsfw"].prediction.score == 0.1
    assert world.state(2).verdicts["nsfw"].id == "nsfw-2"
    assert [(one["sequence_number"], one["code"]) for one in world.quarantined()] == [
        ("3", "repeated_verdict"), ("5", "invalid_event"), ("6", "undecodable"), ("7", "repeated_verdict"),
    ]  # fmt: skip


def test_what_can_be_neither_joined_nor_quarantined_comes_again(world: World) -> None:
    world.faults(Script(PutObject=[Fault(Kind.ERROR)] * 2_000))
    assert world.put(upload(1), b"{", upload(2), seconds=2.0) == ["2"]
    world.faults(Script())
    assert world.put(b"{", upload(2), first=2) == []
    assert [one["code"] for one in world.quarantined()] == ["undecodable"]


def test_effects_are_put_at_least_once_under_the_same_ids(world: World) -> None:
    """The stream does not acknowledge at first, and the sweep puts what the publisher has not."""
    world.put(*ALLOWED)
    world.faults(Script(PutRecords=[Fault(Kind.RESET_AFTER), Fault(Kind.RESET_BEFORE)]))
    world.clock.now += 61
    assert world.sweep()["Published"] == 1
    told = world.messages()
    decision = world.state(1).decisions[1].id
    assert {one["id"] for one in told} == {f"{decision}-decision", f"{decision}-notification"}
    assert len(told) == 4  # the first call was stored, though it was reset
    assert told[0] == {
        "message": "decision", "id": f"{decision}-decision", "decision": decision, "revision": 1,
        "upload_id": 1, "outcome": "allow", "missing": [],
    }  # fmt: skip
    assert world.state(1).outbox is None
    assert world.sweep() == {}
    assert len(world.messages()) == 4


def test_effects_of_revisions_are_put_in_their_order(world: World) -> None:
    world.put(*ALLOWED)
    world.put(said(1, "remove", "p1"))
    world.clock.now += 61
    world.sweep()
    assert [(one["message"], one["revision"]) for one in world.messages()] == [
        ("decision", 1), ("notification", 1), ("decision", 2), ("notification", 2),
    ]  # fmt: skip


def test_a_verdict_before_its_upload_waits_for_it(world: World) -> None:
    world.put(verdict(1), verdict(1, "violence", 0.1))
    assert world.state(1).decisions == {}
    world.put(upload(1))
    assert world.outcomes(1) == ["allow"]


def test_an_upload_after_the_deadline_of_its_verdicts_is_decided_at_once(world: World) -> None:
    world.put(verdict(1))
    world.clock.now += 601
    assert world.sweep() == {"Keys": 1, "Unmatched": 1}
    assert world.sweep() == {}
    world.put(upload(1))
    assert world.outcomes(1) == ["review"]


def test_a_timer_beyond_a_delay_of_fifteen_minutes_is_sent_again(world: World) -> None:
    world.use(deadline=3_000.0)
    world.put(upload(1))
    assert world.queued() == 1
    assert world.expire({"key": 1, "due": world.clock.now + 2_100}) == []
    assert world.queued() == 2
    assert world.state(1).decisions == {}
    world.faults(Script(SendMessageBatch=[Fault(Kind.ERROR)] * 9))
    assert world.expire({"key": 1, "due": world.clock.now + 2_100}) == ["0"]


def test_the_opener_sets_the_timer_again_when_it_comes_again(world: World) -> None:
    """An invocation may end between the write of its key and the timer."""
    world.put(upload(1))
    world.put(verdict(1), first=2)
    assert world.queued() == 1
    world.put(upload(1))
    assert world.queued() == 2


def test_the_answer_is_lost_of_every_write_and_the_decision_is_made_once(world: World) -> None:
    lost = [Fault(Kind.RESET_AFTER), None] * 10
    world.faults(Script(UpdateItem=lost))
    assert world.put(*ALLOWED) == []
    assert world.outcomes(1) == ["allow"]
    assert world.telemetry.last.counts["Decided"] == 1


def test_keys_1_and_text_1_differ(world: World) -> None:
    world.put(upload(1), upload("1"), verdict("1", "nsfw", 0.95))
    assert world.state(1).decisions == {}
    assert world.outcomes("1") == ["remove"]


def test_an_invocation_of_too_little_time_raises_so_that_the_batch_is_halved(world: World) -> None:
    world.faults(Script(UpdateItem=[Fault(Kind.THROTTLED)] * 5_000))
    with pytest.raises(DeadlineNear, match="halves"):
        world.joiner(event(upload(1), upload(2), now=world.clock.now), Seconds(1.5))
