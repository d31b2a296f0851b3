"""A decision's messages: right in each transition of revisions, the same at each redelivery, in any order."""

from __future__ import annotations

from itertools import permutations, product
from typing import Any

import msgspec
import pytest
from moderation_lab import UPLOAD, a_join, by_person, verdict

from threeways.join.join import Decided, Decision, decided_of

DATABASE = {
    *("decision_visibility", "decision_ground", "decision_facts", "category"),
    *("incompatible_content_ground", "incompatible_content_explanation", "content_type", "source_type"),
    *("automated_detection", "automated_decision", "application_date", "puid"),
}
"""What transparency.dsa.ec.europa.eu/page/api-documentation asks for, but for the platform's own two."""


def decided(revision: int = 1, person: str | None = None, **scores: float) -> Decided:
    join = a_join()
    found: dict[str, Any] = {name: verdict(join, name, score) for name, score in scores.items()}
    if person:
        found["reviewer"] = by_person(join, person)
    decision = join.decide(found, join.expected, True)
    assert isinstance(decision, Decision)
    return decided_of(join, UPLOAD.upload_id, revision, decision, decided_at=1_800_000_000.0)


def of_outcome(outcome: str, revision: int) -> Decided:
    if outcome == "review":
        return decided(revision, nsfw=0.6)
    return decided(revision, person=outcome)


def messages(made: Decided) -> dict[str, dict[str, Any]]:
    effects = {one.kind: dict(one.body) for one in a_join().effects(UPLOAD, made)}
    msgspec.json.encode(effects)
    return effects


@pytest.mark.parametrize(
    ("outcome", "order"), [("allow", None), ("review", None), ("remove", {"stop": True})]
)
def test_the_first_decision_stops_an_upload_only_where_it_removes_it(outcome: str, order: Any) -> None:
    assert messages(of_outcome(outcome, 1)).get("stop_upload") == order


@pytest.mark.parametrize("revisions", [*product(("allow", "review", "remove"), repeat=3)])
def test_in_each_order_of_delivery_the_upload_is_stopped_exactly_where_the_last_revision_removes_it(
    revisions: tuple[str, ...],
) -> None:
    """All 27 transitions, each message twice, in all orders, by the rule that consumers are told."""
    sent = [
        (number, message)
        for number, outcome in enumerate(revisions, 1)
        if (message := messages(of_outcome(outcome, number)).get("stop_upload"))
    ]
    for order in set(permutations(range(len(sent)))):
        stopped, highest = False, 0
        for place in [*order, *order]:
            revision, message = sent[place]
            if revision >= highest:
                stopped, highest = message["stop"], revision
        assert stopped == (revisions[-1] == "remove"), (revisions, order)


def test_the_user_is_notified_of_each_revision_with_why_and_how_to_object() -> None:
    for number, outcome in enumerate(("review", "allow", "remove"), 1):
        made = of_outcome(outcome, number)
        assert messages(made)["notification"] == {
            "user_id": "user-7", "title": "Harbour at dawn", "outcome": outcome,
            "text": made.facts["explanation"], "appeal": "Reply to this.",
        }  # fmt: skip


def test_a_redelivered_message_is_the_same_whatever_policy_is_deployed_by_then() -> None:
    made = decided(nsfw=0.95)
    kept = msgspec.json.decode(msgspec.json.encode(made), type=Decided)  # as the table gives it back
    now = a_join(nsfw={"review": 0.1, "remove": 0.2, "ground": "another"})
    assert msgspec.json.encode(list(now.effects(UPLOAD, kept))) == msgspec.json.encode(
        list(a_join().effects(UPLOAD, made))
    )


def test_a_removal_has_a_statement_of_reasons_with_the_databases_attributes() -> None:
    statement = messages(decided(nsfw=0.95, violence=0.6))["decision"]["statement_of_reasons"]
    assert set(statement) == DATABASE
    assert statement["decision_visibility"] == ["DECISION_VISIBILITY_CONTENT_REMOVED"]
    assert statement["decision_ground"] == "DECISION_GROUND_INCOMPATIBLE_CONTENT"
    assert (statement["automated_detection"], statement["automated_decision"]) == (
        "Yes",
        "AUTOMATED_DECISION_FULLY",
    )
    assert statement["application_date"] == "2027-01-15"
    assert set(statement["puid"]) <= set("0123456789abcdef")


def test_a_statements_categories_are_those_of_the_removal_each_once_and_the_surest_first() -> None:
    other = {"statement_category": "STATEMENT_CATEGORY_OTHER_VIOLATION_TC", "ground": "Terms, 5"}
    join = a_join("revise", copyright=other, violence=other)
    found = {
        name: verdict(join, name, score)
        for name, score in (("copyright", 0.93), ("nsfw", 0.99), ("violence", 0.95))
    }
    decision = join.decide(found, join.expected, False)
    assert isinstance(decision, Decision)
    effects = {one.kind: one.body for one in join.effects(UPLOAD, decided_of(join, 7, 1, decision))}
    statement = effects["decision"]["statement_of_reasons"]
    assert statement["category"] == "STATEMENT_CATEGORY_VIOLENCE"
    assert statement["category_addition"] == ["STATEMENT_CATEGORY_OTHER_VIOLATION_TC"]
    assert statement["incompatible_content_ground"] == "Terms, 4"


@pytest.mark.parametrize(
    ("scores", "detection", "decision"),
    [
        ({"nsfw": 0.6}, "Yes", "AUTOMATED_DECISION_PARTIALLY"),
        ({"nsfw": 0.1}, "No", "AUTOMATED_DECISION_PARTIALLY"),
        ({}, "No", "AUTOMATED_DECISION_NOT_AUTOMATED"),
    ],
)
def test_a_statement_says_how_far_a_persons_removal_was_automated(
    scores: dict[str, float], detection: str, decision: str
) -> None:
    statement = messages(decided(2, "remove", **scores))["decision"]["statement_of_reasons"]
    assert (statement["automated_detection"], statement["automated_decision"]) == (detection, decision)
    found = statement["incompatible_content_ground"]
    assert found == ("Terms, 4" if scores.get("nsfw") == 0.6 else "Terms")


def test_a_statement_holds_neither_the_uploads_words_nor_a_reviewers() -> None:
    statement = messages(decided(2, "remove", nsfw=0.95))["decision"]["statement_of_reasons"]
    text = msgspec.json.encode(statement).decode()
    assert all(word not in text for word in ("Ada", "news report", "blood", "knife", "Harbour", "user-7"))


@pytest.mark.parametrize("outcome", ["allow", "review"])
def test_what_restricts_nothing_has_no_statement_of_reasons(outcome: str) -> None:
    assert messages(of_outcome(outcome, 2))["decision"]["statement_of_reasons"] is None


def test_the_decision_has_its_policys_hash_and_what_it_supersedes() -> None:
    made = decided(2, "allow", nsfw=0.95)
    decision = messages(made)["decision"]
    assert decision["rules"] == a_join().rules != a_join(nsfw={"review": 0.4}).rules
    assert decision["supersedes"] == decided(1, nsfw=0.95).id
