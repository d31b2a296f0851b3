"""What waits for a person, and a person's verdict, on the command line."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any

import boto3
import pytest
import typer
from review_lab import AMPLE, Stage, on

from threeways.cli.review import review
from threeways.emulator.server import Emulator
from threeways.errors import LocationError, SettingsError, UsageError
from threeways.join.join import Decision, Join
from threeways.join.policies import packed
from threeways.ops.review import Place, Reviews, located
from threeways.systems.moderation.policy import SHIPPED, parsed

STRICT = SHIPPED.read_text("utf-8").replace("review = 0.5", "review = 0.3")


@pytest.fixture
def stage(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return on(emulator, monkeypatch)


def reviews() -> Reviews:
    return Reviews(located(None, None, None, None, None))


def waiting() -> list[Any]:
    found, more = reviews().waiting(50)
    assert not more
    return [one.key for one in found]


def test_it_lists_what_waits_longest_first_and_nothing_else(stage: Stage, capsys: Any) -> None:
    stage.upload("a", nsfw=0.6)
    stage.upload(7)
    stage.upload("b", violence=0.7)
    stage.upload("c", nsfw=0.95)
    stage.bring({"upload_id": "open", "user_id": "u", "title": "undecided"})
    assert waiting() == ["a", "b"]
    review()
    told = capsys.readouterr().out
    assert re.search("a  waits for [0-9]+ s  user_id user-7, title Harbour at dawn", told)
    assert "A person will look at your upload: it seems to have violence (judged by “knife”)" in told
    assert "2 wait for a person" in told


@pytest.mark.parametrize(
    ("make", "told"),
    [("true", "KEY= REMOVE=1 (or ALLOW=1) BY= BECAUSE="), ("false", "KEY --remove (or --allow) --by NAME")],
)
def test_the_list_says_how_to_judge_as_its_caller_writes_it(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, capsys: Any, make: str, told: str
) -> None:
    stage.upload("a", nsfw=0.6)
    monkeypatch.setenv("THREEWAYS_MAKE", make)
    review()
    assert told in capsys.readouterr().out


def test_without_a_region_the_variable_to_give_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    place = Place("moderation", "t", "v")
    with pytest.raises(LocationError, match=r"dynamodb: no AWS region is given; give one, such as AWS_REG"):
        Reviews(place)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert Reviews(place)._dynamodb.meta.region_name == "eu-west-1"


def expiry(stage: Stage, key: str) -> float | None:
    """Return in how many days TTL removes a key, None for never."""
    item = boto3.client("dynamodb").get_item(
        TableName=stage.table_name, Key={"key": {"S": json.dumps(key)}}, ConsistentRead=True
    )["Item"]
    return (float(item["expires_at"]["N"]) - time.time()) / 86_400 if "expires_at" in item else None


def test_what_waits_for_a_person_never_expires_until_somebody_has_decided(stage: Stage) -> None:
    stage.upload("a", nsfw=0.6)
    stage.upload("b", nsfw=0.95)
    assert expiry(stage, "a") is None
    assert expiry(stage, "b") == pytest.approx(30, abs=0.01)
    put = reviews()
    for key in ("a", "b"):
        put.put(key, "allow", "Ada", "It is a statue.")
    assert stage.bring(*stage.messages()) == [2, 2]
    assert [expiry(stage, key) for key in ("a", "b")] == pytest.approx([30, 30], abs=0.01)
    stage.bring({"upload_id": "c", "user_id": "u", "title": "t"})
    assert expiry(stage, "c") is None, "it is undecided"


def test_what_waits_is_none_of_the_sweepers(stage: Stage) -> None:
    stage.upload("a", nsfw=0.6)
    assert list(stage.table.due(1e12, AMPLE)) == []


def test_a_page_of_the_list_says_that_there_is_more(stage: Stage) -> None:
    for number in range(4):
        stage.upload(number, nsfw=0.6)
    found, more = reviews().waiting(3)
    assert (len(found), more) == (3, True)


def test_a_persons_verdict_is_a_verdict_message_and_makes_revision_2(stage: Stage, capsys: Any) -> None:
    stage.upload(7, nsfw=0.6)
    with stage.joining():
        review(key="7", allow=True, by=" Ada ", because="A news report.")
    assert "revision 2: allow" in capsys.readouterr().out
    state = stage.table.load(7, AMPLE)
    assert state is not None
    decided = state.decisions[2]
    assert (decided.outcome, decided.facts["automated_decision"]) == ("allow", False)
    assert decided.facts["reviewer"] == {"by": "Ada", "because": "A news report."}
    assert waiting() == []


def test_the_message_is_as_every_consumers(stage: Stage) -> None:
    stage.upload(7, nsfw=0.6)
    made = reviews().put(7, "remove", "Ada", "It shows it.")
    [message] = stage.messages()
    assert made.startswith("review-")
    assert message == {
        "model": "reviewer", "version": "Ada", "source_event_id": made, "flags": [],
        "prediction": {"upload_id": 7, "outcome": "remove", "because": "It shows it."},
    }  # fmt: skip


def test_a_person_overrules_what_was_decided_without_one_and_may_be_overruled(
    stage: Stage, capsys: Any
) -> None:
    stage.upload("a", nsfw=0.95)
    with stage.joining():
        review(key="a", allow=True, by="Ada", because="No.")
        review(key="a", remove=True, by="Ben", because="Yes.")
        review(key="a", remove=True, by="Cy", because="Yes, too.")
    told = capsys.readouterr().out
    assert "revision 2: allow" in told
    assert "revision 3: remove" in told
    assert "it changes nothing: revision 3 is remove already" in told


def test_where_the_join_does_not_read_the_verdict_is_said_to_be_on_its_way(
    stage: Stage, capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threeways.cli.review.SECONDS", 0.2)
    stage.upload("a", nsfw=0.6)
    with pytest.raises(typer.Exit):
        review(key="a", allow=True, by="Ada", because="No.")
    assert "the join has not counted it within 0.2 s; it will when it goes on" in capsys.readouterr().out


def test_7_is_the_number_where_there_is_one_and_quoted_the_text(stage: Stage) -> None:
    stage.upload(7, nsfw=0.6)
    stage.upload("7", nsfw=0.6)
    stage.upload("8", nsfw=0.6)
    found = [reviews().of(text).key for text in ("7", '"7"', "8")]
    assert found == [7, "7", "8"]


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"key": "7"}, "ALLOW=1 or REMOVE=1"),
    (
        {"key": "7", "allow": True, "remove": True, "by": "a", "because": "b"},
        "two verdicts are given, ALLOW=1 and",
    ),
    ({"allow": True, "remove": True}, "two verdicts are given"),
    ({"key": "7", "allow": True, "by": "a"}, "missing: BECAUSE=;"),
    ({"key": "7", "allow": True, "because": "a"}, "missing: BY=;"),
    ({"key": "7", "by": "a", "because": "a"}, "missing: ALLOW=1 or REMOVE=1;"),
    ({"key": "7", "serve": True}, "SERVE=1 is a page"),
    ({"allow": True, "by": "a", "because": "b"}, "KEY="),
    ({"key": "9", "allow": True, "by": "a", "because": "b"}, "has no upload_id 9"),
    ({"key": "early", "allow": True, "by": "a", "because": "b"}, "has no upload_id early with its event"),
    ({"key": "7", "allow": True, "by": "a", "because": "b" * 1_001}, "$.because"),
    ({"key": "7", "allow": True, "by": "a", "because": "  "}, "$.because"),
    ({"key": "7", "allow": True, "by": " ", "because": "b"}, "give a name of 1 to 100"),
    ({"key": "7", "allow": True, "by": "a" * 101, "because": "b"}, "give a name of 1 to 100"),
]


def test_what_is_no_verdict_is_refused_before_anything_is_put(stage: Stage) -> None:
    stage.upload(7, nsfw=0.6)
    early = {"upload_id": "early", "probabilities": {"nsfw": 0.5}}
    stage.bring({"model": "nsfw", "version": "v1", "source_event_id": "e", "prediction": early})
    for given, told in REFUSED:
        with pytest.raises(UsageError) as refused:
            review(**given)
        assert told in str(refused.value)
    assert stage.messages() == []


def test_where_the_join_is_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("JOIN", "JOIN_TABLE_NAME", "VERDICTS_STREAM_NAME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=r"not given: JOIN=, TABLE=, VERDICTS=; name the join's STACK="):
        located(None, None, None, None, None)
    with pytest.raises(UsageError, match=r"not given: VERDICTS="):
        located("moderation", None, "t", None, None)


@pytest.mark.usefixtures("stage")
def test_a_table_that_is_not_there_is_told_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOIN_TABLE_NAME", "another")
    with pytest.raises(LocationError, match=r"the table another cannot be read: .* Mend the name"):
        review()


def of_nobody(name: str, **more: Any) -> Join[Any]:
    return Join(
        name=name, subject=dict, example={}, verdicts={"a": dict}, expected=frozenset({"a"}), deadline=1.0,
        decide=lambda *_: Decision("yes"), effects=lambda *_: (), **more,
    )  # fmt: skip


@pytest.mark.usefixtures("stage")
def test_a_join_that_awaits_no_person_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threeways.ops.review.find", lambda name, policy: of_nobody(name))
    with pytest.raises(UsageError, match="awaits no person"):
        reviews()


def test_outcomes_that_wait_for_a_person_need_one() -> None:
    with pytest.raises(SettingsError, match="JOIN=x: `reviewed` waits for a person, and there is none"):
        of_nobody("x", reviewed=frozenset({"review"}))


def test_a_title_writes_nothing_to_the_terminal_but_itself(stage: Stage, capsys: Any) -> None:
    stage.upload("a", title="\x1b[2J[red]Ha\nrbour\u202e", nsfw=0.6)
    review()
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "[red]Ha rbour" in told


def test_a_stack_tells_its_join_table_and_stream(stage: Stage) -> None:
    outputs = {"TableName": stage.table_name, "VerdictsStreamName": stage.stream}
    template = {
        "Parameters": {
            "Join": {"Type": "String", "Default": "moderation"},
            "Policy": {"Type": "String", "Default": packed(STRICT)},
        },
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    made: Any = boto3.client
    made("cloudformation").create_stack(StackName=stage.stream, TemplateBody=json.dumps(template))
    found = located(None, stage.stream, None, None, None)
    assert (found.join, found.table, found.verdicts) == ("moderation", stage.table_name, stage.stream)
    assert Reviews(found).join.rules == parsed(STRICT).rules, "which may have categories of its own"
    assert located("another.join", stage.stream, None, None, None).policy is None
    with pytest.raises(UsageError, match="there is no stack another: name another, STACK="):
        located(None, "another", None, None, None)
