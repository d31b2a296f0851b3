"""What a join is given that it cannot take, on the emulator: each is told, and none loses an upload."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from join_lab import AMPLE, Judged, Said, event, make, said, upload, verdict
from join_world import Seconds, World

from threeways.emulator.faults import Fault, Kind, Rates, Script
from threeways.errors import InvalidInvocation, SettingsError, TableFailed
from threeways.join.effects import Effects
from threeways.join.join import Decided, Decision, Effect

SOUND = (upload(1), verdict(1), verdict(1, "violence", 0.2))


def raw(**fields: str) -> bytes:
    """A verdict whose prediction is as it is given."""
    message = {"model": '"nsfw"', "version": '"7"', "source_event_id": '"a"', **fields}
    return ("{" + ",".join(f'"{name}":{value}' for name, value in message.items()) + "}").encode()


AWRY: list[tuple[Any, str]] = [
    (verdict(1, "who"), "awaits no verdict of 'who', but of nsfw, person, violence"),
    (verdict(1, score="high"), "a verdict of nsfw: Expected `float`, got `str` - at `$.prediction.score"),
    (verdict(1, score=None), "Expected `float`, got `null` - at `$.prediction.score`"),
    (verdict(1, score=1.3), "Expected `float` <= 1.0 - at `$.prediction.score`"),
    (raw(prediction='{"upload_id":1,"score":NaN}'), "invalid character"),
    (raw(prediction='{"score":0.1}'), "missing required field `upload_id` - at `$.prediction`"),
    (raw(prediction='{"upload_id":1}'), "missing required field `score` - at `$.prediction`"),
    (raw(prediction='{"upload_id":1.5,"score":0.1}'), "got `float` - at `$.prediction.upload_id`"),
    (raw(prediction="0.3"), "Expected `object`, got `float` - at `$.prediction`"),
    (verdict(1) | {"version": 3}, "Expected `str | null`, got `int` - at `$.version`"),
    (verdict(1) | {"source_event_id": ""}, "length >= 1 - at `$.source_event_id`"),
    ({"model": "nsfw", "schema": 2, "upload_id": 9}, "it has `model`, but a verdict has model, prediction"),
    ({"model": "nsfw", "prediction": {}}, "missing required field `source_event_id`"),
    ({"user": "user-1"}, "missing required field `upload_id`"),
    (upload(2**63), "Expected `int` <= 9223372036854775807 - at `$.upload_id`"),
    (upload("x" * 257), "length <= 256"),
    ([], "Expected `object`, got `array`"),
    (b"\x1f\x8b\x08", "compressed with gzip"),
    (b'{"upload_id": 1, "user": "\xff"}', "can't decode byte 0xff"),
    (b'{"upload_id":1,"user":"a","more":' + b"[" * 20_000, "nested too deeply"),
]


def test_what_is_no_event_is_quarantined_with_the_field_and_costs_the_others_nothing(world: World) -> None:
    assert world.put(SOUND[0], *[message for message, _ in AWRY], *SOUND[1:]) == []
    assert world.outcomes(1) == ["allow"]
    entries = world.quarantined()
    assert [int(one["sequence_number"]) for one in entries] == list(range(2, 2 + len(AWRY)))
    for entry, (_, reason) in zip(entries, AWRY, strict=True):
        assert reason in entry["message"]


def test_a_verdict_of_an_unknown_upload_is_told_and_kept(world: World) -> None:
    world.put(verdict("nobody's"))
    world.clock.now += 601
    assert world.sweep() == {"Keys": 1, "Unmatched": 1}
    assert world.state("nobody's").verdicts["nsfw"].prediction.score == 0.1


def test_expected_may_change_while_uploads_are_open(world: World) -> None:
    """A key waits for those that it was opened with; one that is awaited no more is named as missing."""
    world.put(upload(1), verdict(1))
    world.use(expected=frozenset({"nsfw"}), verdicts={"nsfw": Judged, "person": Said})
    world.put(upload(2), verdict(2))
    assert world.outcomes(2) == ["allow"]
    assert world.outcomes(1) == []
    assert world.put(verdict(1, "violence", 0.2)) == []
    assert [one["code"] for one in world.quarantined()] == ["invalid_event"]
    world.clock.now += 601
    world.sweep()
    assert world.state(1).decisions[1].missing == ("violence",)


def test_a_stored_verdict_that_the_types_of_today_refuse_counts_as_missing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    class Graded(msgspec.Struct):
        grade: str

    world.put(upload(1), verdict(1))
    world.use(verdicts={"nsfw": Graded, "violence": Judged, "person": Said})
    world.clock.now += 601
    world.sweep()
    assert world.state(1).decisions[1].missing == ("nsfw", "violence")
    assert "a verdict of nsfw that the join's types do not take" in caplog.text


def test_a_record_from_an_hour_in_the_future_is_told_and_decided_in_time(world: World) -> None:
    now = world.clock.now
    world.joiner(event(upload(1), now=now + 3_600), Seconds())
    assert world.telemetry.last.counts["ClockAhead"] == 1
    assert world.state(1).due == pytest.approx(now + 600)
    world.clock.now = now + 601
    world.sweep()
    assert world.outcomes(1) == ["review"]


def test_a_record_from_an_hour_ago_is_decided_at_once(world: World) -> None:
    world.joiner(event(upload(1), now=world.clock.now - 3_600), Seconds())
    assert world.outcomes(1) == ["review"]
    world.put(verdict(1), verdict(1, "violence", 0.2))
    assert world.outcomes(1) == ["review", "allow"]


def test_a_subject_too_large_for_the_table_is_quarantined(world: World) -> None:
    world.put(upload(1, "x" * 70_000), upload(2))
    assert [one["code"] for one in world.quarantined()] == ["key_full"]
    assert world.table.load(1, AMPLE) is None
    assert world.state(2).subject


def test_a_full_item_still_takes_its_subject_and_its_decision(world: World) -> None:
    """400 KB of persons' verdicts before the upload: what has no room is in quarantine, nothing is lost."""
    long = [said(1, "x", f"p{number}", because="x" * 30_000) for number in range(14)]
    assert world.put(*long[:7]) == []
    assert world.put(*long[7:], first=8) == []
    assert world.put(verdict(1), first=15) == []
    kept = world.state(1).verdicts
    gone = [one["source_event_id"] for one in world.quarantined()]
    assert len(kept) + len(gone) == 15
    assert {one["code"] for one in world.quarantined()} == {"key_full"}
    assert 7 <= len(kept) < 14
    assert world.put(upload(1)) == []
    assert len(world.outcomes(1)) == 1
    assert world.put(*long, first=1) == []
    assert len(world.outcomes(1)) == 1


def test_an_item_that_only_just_has_room_is_never_over_dynamodbs_limit(world: World) -> None:
    """Batches of the largest verdicts: AWS's own refusal is never met by a decision."""
    for number in range(8):
        batch = [said(1, "y", f"q{number}-{one}", because="y" * 60_000) for one in range(2)]
        assert world.put(*batch) == []
    assert world.put(upload(1, "u" * 60_000)) == []
    assert len(world.outcomes(1)) == 1


def test_a_throttled_table_is_survived(world: World) -> None:
    rates = {Kind.THROTTLED: 0.3, Kind.ERROR: 0.1, Kind.RESET_AFTER: 0.1, Kind.RESET_BEFORE: 0.1}
    world.faults(Rates(7, {"UpdateItem": rates, "GetItem": rates, "Query": rates}))
    keys = range(8)
    batch = [one for key in keys for one in (upload(key), verdict(key), verdict(key, "violence", 0.1))]
    assert world.put(*batch) == []
    world.clock.now += 61
    assert world.sweep()["Published"] == len(keys)
    assert {world.outcomes(key)[0] for key in keys} == {"allow"}


def test_a_key_that_the_table_refuses_costs_the_others_nothing(world: World) -> None:
    """Its records come again from the lowest of them; those of other keys are stored."""
    busy = world.table.add

    def add(key: Any, arrivals: Any, deadline: Any) -> Any:
        if key == 2:
            raise TableFailed("it refuses")
        return busy(key, arrivals, deadline)

    world.table.add = add  # type: ignore[method-assign]
    assert world.put(upload(1), upload(2), upload(3), verdict(2)) == ["2"]
    assert world.state(1).subject
    assert world.state(3).subject


def test_a_hot_key_of_redelivered_verdicts_is_one_write(world: World) -> None:
    batch = event(upload(1), *[verdict(1)] * 3_000, verdict(1, "violence", 0.2), now=world.clock.now)
    assert world.joiner(batch, Seconds()) == {"batchItemFailures": []}
    assert world.outcomes(1) == ["allow"]
    assert world.state(1).version == 2  # the events, and the decision
    assert world.quarantined() == []


def test_a_hot_key_of_many_persons_is_a_write_for_fifty(world: World) -> None:
    batch = [said(1, "allow", f"p{number}") for number in range(120)]
    assert world.put(upload(1), *batch) == []
    assert len(world.state(1).verdicts) == 120
    assert world.state(1).version == 4


def test_a_decide_that_raises_is_told_and_tried_again_until_it_is_mended(world: World) -> None:
    def broken(*_: Any) -> Decision:
        raise ZeroDivisionError

    world.use(decide=broken)
    assert world.put(*SOUND, upload(2)) == []
    assert world.telemetry.last.counts["Failed"] == 2
    world.clock.now += 601
    assert world.sweep()["Overdue"] == 2
    assert world.telemetry.last.ages["OverdueAge"] == pytest.approx(1.0)
    world.use()
    world.sweep()
    assert (world.outcomes(1), world.outcomes(2)) == (["allow"], ["review"])


def test_a_decide_that_raises_on_a_decided_key_sets_its_verdict_aside(world: World) -> None:
    """Nothing would look at the key again."""
    world.put(*SOUND)

    def broken(*_: Any) -> Decision:
        raise ZeroDivisionError

    world.use(decide=broken)
    assert world.put(said(1, "remove", "p1")) == []
    [entry] = world.quarantined()
    assert entry["code"] == "undecidable"
    world.use()
    world.put(said(1, "remove", "p1"))  # replayed
    assert world.outcomes(1) == ["allow", "remove"]


IMPOSSIBLE = {
    2: (Effect("mail", {"revision": 9}), "'revision' is the message's; rename it"),
    3: (Effect("mail", {"score": float("nan")}), "an effect is no JSON"),
    4: (Effect("mail", {"text": "x" * 2**20}), "bytes, and a stream takes"),
    5: (Effect("mail", {}, key="k" * 300), "an effect's key has 1 to 256 characters"),
    6: (Effect("mail", {"of": object()}), "an effect is no JSON"),
}


def test_an_effect_that_cannot_be_put_holds_up_no_other_key(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    def effects(subject: Any, decided: Decided) -> list[Effect]:
        if decided.key in IMPOSSIBLE:
            return [IMPOSSIBLE[int(decided.key)][0]]
        return [Effect("mail", {}), Effect("mail", {})]

    world.use(effects=effects)
    bad = [one for key in IMPOSSIBLE for one in (upload(key), verdict(key, score=0.99))]
    world.put(*bad, *SOUND)
    world.clock.now += 61
    told = world.sweep()
    assert (told["Published"], told["Failed"]) == (1, len(IMPOSSIBLE))
    assert all(reason in caplog.text for _, reason in IMPOSSIBLE.values())
    decision = world.state(1).decisions[1].id
    assert [one["id"] for one in world.messages()] == [f"{decision}-mail", f"{decision}-mail-2"]
    world.use()
    assert world.sweep()["Published"] == len(IMPOSSIBLE)


def test_a_message_that_is_no_timer_is_told_and_dropped(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.put(upload(1))
    world.clock.now += 601
    assert world.expire("what", {"key": "gone", "due": 1}, {"key": 1, "due": 1}, {"key": 1}) == []
    assert world.outcomes(1) == ["review"]
    assert "no timer and is dropped" in caplog.text
    assert "'gone' is not in the table" in caplog.text


def test_a_timer_of_a_throttled_table_comes_again(world: World) -> None:
    world.put(upload(1), upload(2))
    world.clock.now += 601
    world.faults(Script(GetItem=[Fault(Kind.ERROR)] * 5_000))
    records = {"Records": [{"messageId": "a", "body": '{"key":1,"due":1}'}]}
    assert world.deadlines(records, Seconds(1.5)) == {"batchItemFailures": [{"itemIdentifier": "a"}]}


def test_a_table_that_is_not_there_is_told_at_once_and_its_records_come_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.table._name = "no-such-table"
    assert world.put(upload(1), b"{") == ["1"]
    assert "no-such-table" in caplog.text
    assert [one["code"] for one in world.quarantined()] == ["undecodable"]


def test_another_sources_event_is_refused(world: World) -> None:
    for handler in (world.joiner, world.deadlines, world.outbox):
        with pytest.raises(InvalidInvocation, match="this is not an event of"):
            handler({"Records": [{"s3": {}}]}, Seconds())


@pytest.mark.parametrize("body", [{"message": "mine"}, {"score": float("inf")}])
def test_a_join_whose_example_makes_no_sound_message_does_not_start(body: dict[str, Any]) -> None:
    join = make(effects=lambda subject, decided: [Effect("mail", body)])
    join.prove()
    with pytest.raises(SettingsError, match="JOIN=moderation: of its example, 1: an effect"):
        Effects(join).prove()
