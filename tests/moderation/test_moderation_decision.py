"""The moderation decision: each combination of scores, missing verdicts and people's, and in each order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import combinations_with_replacement, permutations, product
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moderation_lab import CATEGORIES, UPLOAD, a_join, by_person, prediction, verdict

from threeways.join.join import Decided, Decision, Join, Verdict
from threeways.join.state import KeyState, next_step
from threeways.systems.moderation.decision import SEVERITY

BANDS: dict[float | None, str] = {
    None: "",
    0.2: "allow",
    0.5: "review",
    0.7: "review",
    0.9: "remove",
    1.0: "remove",
}
"""A score, at and around both thresholds, and what it leads to; None: no verdict."""
ALL = frozenset(CATEGORIES)
RANK: dict[str, int] = {str(one): rank for one, rank in SEVERITY.items()}
MISSING: list[dict[str, dict[str, Any]]] = [
    {},
    {"nsfw": {"missing": "allow"}},
    {"nsfw": {"missing": "remove"}, "violence": {"expected": False}},
]


@cache
def joined(blocks: int) -> Join[Any]:
    return a_join("revise", **MISSING[blocks])


def combinations() -> Iterator[tuple[int, dict[str, float | None], str | None, bool]]:
    """Every policy's place, scores by category, person's outcome, and whether the deadline has passed."""
    for blocks, scores, person, expired in product(
        range(len(MISSING)), product(BANDS, repeat=3), (None, "allow", "remove"), (False, True)
    ):
        yield blocks, dict(zip(CATEGORIES, scores, strict=True)), person, expired


def verdicts(
    join: Join[Any], scores: Mapping[str, float | None], person: str | None = None
) -> dict[str, Verdict[Any]]:
    found = {name: verdict(join, name, score) for name, score in scores.items() if score is not None}
    return found | ({"reviewer": by_person(join, person)} if person else {})


def decided(
    join: Join[Any], scores: Mapping[str, float | None], person: str | None = None, expired: bool = True
) -> Decision | None:
    return join.decide(verdicts(join, scores, person), join.expected, expired)


def made(join: Join[Any], scores: Mapping[str, float | None], person: str | None = None) -> Decision:
    decision = decided(join, scores, person)
    assert decision is not None
    return decision


def test_each_combination_of_scores_missing_and_peoples_verdicts_leads_to_what_the_policy_says() -> None:
    """By an oracle of its own: 3,888 states."""
    for blocks, scores, person, expired in combinations():
        join = joined(blocks)
        of_missing = {
            name: MISSING[blocks].get(name, {}).get("missing", "review")
            for name in CATEGORIES
            if scores[name] is None and name in join.expected
        }
        bands = [BANDS[score] for score in scores.values() if score is not None]
        found = decided(join, scores, person, expired)
        if not person and of_missing and not expired and "remove" not in bands:
            assert found is None
            continue
        told = [*bands, *(of_missing.values() if expired else ())]
        expected = person or next((one for one in ("remove", "review") if one in told), "allow")
        assert found is not None
        assert found.outcome == expected, (scores, person, expired)
        assert set(found.facts["missing"]) == set(of_missing)
        assert found.facts["automated_decision"] is (person is None)
        assert msgspec.json.encode(found)


def test_a_higher_score_never_leads_to_a_milder_outcome() -> None:
    @cache
    def severity(blocks: int, scores: tuple[float | None, ...], person: str | None, expired: bool) -> int:
        found = decided(joined(blocks), dict(zip(CATEGORIES, scores, strict=True)), person, expired)
        return -1 if found is None else RANK[found.outcome]

    for blocks, by_name, person, expired in combinations():
        scores = tuple(by_name.values())
        for place, score in enumerate(scores):
            for higher in BANDS:
                if score is not None and higher is not None and higher > score:
                    raised = (*scores[:place], higher, *scores[place + 1 :])
                    before = severity(blocks, scores, person, expired)
                    assert severity(blocks, raised, person, expired) >= before


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_scores_that_are_all_higher_never_lead_to_a_milder_outcome(
    one: list[float], other: list[float]
) -> None:
    join = a_join()
    low = dict(zip(CATEGORIES, map(min, one, other), strict=True))
    high = dict(zip(CATEGORIES, map(max, one, other), strict=True))
    assert RANK[made(join, low).outcome] <= RANK[made(join, high).outcome]


def test_a_certain_removal_waits_for_nothing_and_says_what_it_did_not_wait_for() -> None:
    found = decided(a_join(), {"nsfw": 0.95}, expired=False)
    assert found is not None
    assert found.outcome == "remove"
    assert found.facts["missing"] == {"copyright": "review", "violence": "review"}
    assert "did not answer" not in found.facts["explanation"]
    assert "violence: no verdict yet" in found.facts["decision_facts"]


def test_a_category_without_a_removal_threshold_is_only_reviewed() -> None:
    assert (
        made(a_join(nsfw={"remove": None}), dict.fromkeys(CATEGORIES, 0.1) | {"nsfw": 1.0}).outcome
        == "review"
    )


def test_what_a_changed_policy_no_longer_has_leads_to_review() -> None:
    """A key keeps the sources that it was opened with."""
    join = a_join()
    awaited = join.expected | {"hate"}
    all_low = verdicts(join, dict.fromkeys(CATEGORIES, 0.1))
    assert join.decide(all_low, awaited, False) is None
    found = join.decide(all_low, awaited, True)
    assert found is not None
    assert (found.outcome, found.facts["missing"]) == ("review", {"hate": "review"})
    assert "the check for hate did not answer in time" in found.facts["explanation"]


def test_a_category_that_is_not_awaited_counts_where_it_has_a_verdict() -> None:
    join = a_join(violence={"expected": False})
    low = {"copyright": 0.1, "nsfw": 0.1}
    found = decided(join, low, expired=False)
    assert found is not None
    assert found.outcome == "allow"
    assert made(join, {**low, "violence": 0.7}).outcome == "review"


# In each order.


def settled(join: Join[Any], arrivals: list[Verdict[Any] | None]) -> list[Decided]:
    """The decisions of a key whose verdicts come so; None: its deadline. They come a second apart."""
    state = KeyState(7, 1, join.expected, "opener", 0.0, 1e9, subject=msgspec.json.encode(UPLOAD))
    decisions: list[Decided] = []
    for second, arrival in enumerate(arrivals, 1):
        if arrival is None:
            state = replace(state, due=float(second))
        else:
            slot = arrival.source if arrival.source not in join.persons else f"reviewer#{arrival.id}"
            state = replace(state, verdicts={**state.verdicts, slot: replace_at(arrival, second)})
        while (step := next_step(join, state, float(second))) is not None:
            assert isinstance(step, Decided)
            decisions.append(step)
            state = replace(state, decisions={**state.decisions, step.revision: step})
            assert len(decisions) < 10
    return decisions


def replace_at(arrival: Verdict[Any], at: float) -> Verdict[Any]:
    return msgspec.structs.replace(arrival, at=float(at))


@pytest.mark.parametrize("person", [None, "allow", "remove"])
def test_whatever_the_order_of_verdicts_deadline_and_person_the_last_revision_is_the_same(
    person: str | None,
) -> None:
    join = a_join()
    for scores in combinations_with_replacement((0.2, 0.7, 0.95), 3):
        by_name = dict(zip(CATEGORIES, scores, strict=True))
        arrivals = [*verdicts(join, by_name, person).values(), None]
        last = {settled(join, list(order))[-1].outcome for order in permutations(arrivals)}
        assert last == {made(join, by_name, person).outcome}, scores


def test_a_late_verdict_is_kept_and_changes_nothing_where_the_policy_ignores_it() -> None:
    join = a_join(late="ignore")
    low = verdicts(join, dict.fromkeys(CATEGORIES, 0.1))
    [only] = settled(join, [low["nsfw"], None, verdict(join, "violence", 0.95), low["copyright"]])
    assert only.outcome == "review"


def test_a_late_verdict_that_was_missing_turns_review_into_allow_as_revision_2() -> None:
    join = a_join()
    low = verdicts(join, dict.fromkeys(CATEGORIES, 0.1))
    first, second = settled(join, [low["nsfw"], low["copyright"], None, low["violence"]])
    assert (first.outcome, first.missing, first.expired) == ("review", ("violence",), True)
    assert (second.outcome, second.revision, second.supersedes) == ("allow", 2, first.id)


def test_a_person_who_confirms_an_automated_decision_makes_it_a_persons() -> None:
    join = a_join()
    first, second = settled(join, [verdict(join, "nsfw", 0.95), by_person(join, "remove")])
    assert (first.outcome, second.outcome) == ("remove", "remove")
    assert (first.facts["automated_decision"], second.facts["automated_decision"]) == (True, False)
    assert second.facts["reviewer"] == {"by": "Ada", "because": "It is a news report."}


def test_after_a_person_no_score_changes_the_decision_and_another_person_does() -> None:
    join = a_join()
    came = [by_person(join, "allow"), verdict(join, "nsfw", 1.0), None, by_person(join, "remove", 2)]
    first, second = settled(join, came)
    assert (first.outcome, second.outcome) == ("allow", "remove")


def test_a_second_person_of_the_same_mind_makes_no_revision() -> None:
    join = a_join()
    assert len(settled(join, [by_person(join, "allow"), by_person(join, "allow", 2, "I agree.")])) == 1


# What is told.


def test_the_user_is_told_the_work_and_how_near_and_the_words_that_moved_the_score() -> None:
    found = made(a_join(), {"copyright": 0.95, "nsfw": 0.2, "violence": 0.99})
    assert found.facts["explanation"] == (
        "Your upload was removed automatically: it looks like a copy of “Quiet Tide” (3 of 64 bits differ), "
        "and it seems to have violence things (judged by “blood”, “knife”)."
    )


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (dict.fromkeys(CATEGORIES, 0.1), "Your upload stays up: no check found anything against the rules."),
        (
            {"nsfw": 0.6, "copyright": 0.1},
            "A person will look at your upload: it seems to have nsfw things (judged by “blood”, “knife”){}",
        ),
        (
            {"nsfw": 0.1},
            "A person will look at your upload: the check for copyright things did not answer in time{}",
        ),
    ],
)
def test_the_user_is_told_in_one_sentence(scores: dict[str, float], told: str) -> None:
    late = ", and the check for violence things did not answer in time."
    assert made(a_join(), scores).facts["explanation"] == told.format(late)


@pytest.mark.parametrize(
    ("outcome", "told"),
    [("allow", "A person looked at your upload and decided that it stays up: It is a news report."),
     ("remove", "A person looked at your upload and removed it: It is a news report.")],
)  # fmt: skip
def test_the_user_is_told_what_a_person_decided_and_why(outcome: str, told: str) -> None:
    assert made(a_join(), {"nsfw": 0.6}, outcome).facts["explanation"] == told


def test_facts_have_each_score_with_its_thresholds_and_the_models_version() -> None:
    facts = made(a_join(), {"copyright": 0.25, "nsfw": 0.6}).facts
    assert facts["categories"] == {
        "copyright": {"score": 0.25, "outcome": "allow", "review": 0.5, "remove": 0.9, "version": "v1",
                      "work": "Quiet Tide", "distance": 3},
        "nsfw": {"score": 0.6, "outcome": "review", "review": 0.5, "remove": 0.9, "version": "v1",
                 "because": ["blood", "knife"]},
    }  # fmt: skip
    assert facts["automated_detection"] is True
    assert (facts["decision_visibility"], facts["decision_ground"]) == ([], None)  # nothing is restricted


@pytest.mark.parametrize(
    ("because", "told"),
    [
        ([{"feature": "text", "value": "x" * 9_000, "contribution": 1.0}] * 100, ["x" * 99 + "…"]),
        ([{"feature": "text", "value": f"word {n}", "contribution": n} for n in range(9)],
         ["word 8", "word 7", "word 6"]),
        ([{"feature": "combinations", "value": "street_fight&new_york", "contribution": 1.0}],
         ["street fight with new york"]),
        ([{"feature": "length", "value": 3.0, "contribution": 1.0}], None),
        ([{"feature": "length", "contribution": 1.0}], ["length"]),
        ([{}, {"contribution": "high", "value": "word"}, {"contribution": None}, {"value": "word"}], None),
    ],
)  # fmt: skip
def test_what_is_told_of_a_score_is_bounded_and_sound_whatever_its_message_says(
    because: Any, told: Any
) -> None:
    join = a_join()
    source = msgspec.structs.replace(verdict(join, "nsfw", 0.95), because=tuple(because), version="v" * 9_000)
    found = join.decide({"nsfw": source}, join.expected, True)
    assert found is not None
    assert found.facts["categories"]["nsfw"].get("because") == told
    assert len(msgspec.json.encode(found)) < 2_000


# Bad verdicts.


@pytest.mark.parametrize(
    ("source", "changed", "field"),
    [
        ("nsfw", {"probabilities": {"nsfw": "high"}}, "$.probabilities.nsfw"),
        ("nsfw", {"probabilities": {"nsfw": None}}, "$.probabilities.nsfw"),
        ("nsfw", {"probabilities": {"nsfw": 1.5}}, "$.probabilities.nsfw"),
        ("nsfw", {"probabilities": {"ok": 0.5}}, "`nsfw` - at `$.probabilities`"),
        ("nsfw", {"probabilities": None}, "$.probabilities"),
        ("copyright", {"score": None}, "$.score"),
        ("copyright", {"score": -0.1}, "$.score"),
        ("copyright", {"distance": 65}, "$.distance"),
        ("reviewer", {"outcome": "review"}, "$.outcome"),
        ("reviewer", {"because": ""}, "$.because"),
        ("reviewer", {"because": "x" * 1_001}, "$.because"),
        ("nsfw", {"upload_id": 1.5}, "$.upload_id"),
    ],
)  # fmt: skip
def test_a_verdict_without_a_sound_score_is_refused_by_its_fields_name(
    source: str, changed: dict[str, Any], field: str
) -> None:
    base = (
        {"upload_id": 7, "outcome": "allow", "because": "x"}
        if source == "reviewer"
        else prediction(source, 0.5)
    )
    with pytest.raises(msgspec.ValidationError) as told:
        a_join().prediction(source, msgspec.json.encode({**base, **changed}))
    assert field in str(told.value)


@pytest.mark.parametrize(("work", "distance"), [(None, None), ("", 64)])
def test_nothing_found_in_the_catalogue_is_a_sound_verdict(work: str | None, distance: int | None) -> None:
    join = a_join()
    none = {"upload_id": 7, "work": work, "distance": distance, "matched_frames": 0, "score": 0}
    source = Verdict("copyright", "e", "v1", join.prediction("copyright", msgspec.json.encode(none)), 1.0)
    found = join.decide({"copyright": source}, ALL, True)
    assert found is not None
    assert found.facts["categories"]["copyright"] == {
        "score": 0.0, "outcome": "allow", "review": 0.5, "remove": 0.9, "version": "v1",
    }  # fmt: skip


def test_the_join_decides_at_the_deadline_without_any_verdict() -> None:
    from threeways.systems.moderation.decision import join

    join.prove()
