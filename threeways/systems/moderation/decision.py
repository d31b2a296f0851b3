"""The moderation decision: allow an upload, remove it, or have a person review it.

`decide` is pure. Each category's score leads to an outcome by the policy, and the most severe counts; so does
what the policy says of a verdict that is missing at the deadline. A removal waits for nothing more. A
person's verdict overrules all. A higher score never leads to a milder outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from threeways.join.join import Decided, Decision, Join, Verdict, Verdicts
from threeways.systems.moderation import explanation, statement
from threeways.systems.moderation.effects import effects
from threeways.systems.moderation.policy import (
    REVIEWER,
    Outcome,
    Policy,
    load,
    own_file,
    parsed,
    text_of,
)
from threeways.systems.moderation.verdicts import Subject, evidence_of, score_of, short, types_of

SEVERITY: Mapping[Outcome, int] = {"allow": 0, "review": 1, "remove": 2}

type Findings = dict[str, dict[str, Any]]
"""A category -> its score, what that leads to and by which thresholds, and what moved it, as JSON."""


def decide(policy: Policy, verdicts: Verdicts, expected: frozenset[str], expired: bool) -> Decision | None:
    """Return the decision, or None while verdicts are awaited that may change it."""
    findings: Findings = {
        policy.by_source[source]: _finding(policy, source, verdict)
        for source, verdict in sorted(verdicts.items())
        if source in policy.by_source
    }
    missing = {
        policy.by_source.get(source, source): _of_missing(policy, source)
        for source in sorted(expected - verdicts.keys())
    }
    if (person := verdicts.get(REVIEWER)) is not None:
        return _by_person(policy, person, findings, missing, expired)
    outcome = _worst(facts["outcome"] for facts in findings.values())
    if missing and not expired and outcome != "remove":
        return None
    return _automated(policy, findings, missing, expired)


def supersedes(before: Decided, now: Decision) -> bool:
    """Whether a decision supersedes another: its outcome differs, or a person confirms an automated one."""
    confirms = before.facts["automated_decision"] and not now.facts["automated_decision"]
    return now.outcome != before.outcome or confirms


def join_of(policy: Policy, text: str = "") -> Join[Subject]:
    """Return the join that decides by a policy. text: of the file, where it is not the shipped one."""
    return Join(
        name="moderation",
        subject=Subject,
        example=Subject(upload_id=1, user_id="user-7", title="Harbour at dawn"),
        id="upload_id",
        verdicts=types_of(policy),
        expected=policy.expected,
        deadline=policy.deadline_s,
        late=policy.late,
        persons=frozenset({REVIEWER}),
        reviewed=frozenset({"review"}),
        decide=partial(decide, policy),
        revises=supersedes,
        effects=effects,
        rules=policy.rules,
        policy=text,
        of_policy=lambda text: join_of(parsed(text), text),
    )


def _finding(policy: Policy, source: str, verdict: Verdict[Any]) -> dict[str, Any]:
    category = policy.categories[policy.by_source[source]]
    score = score_of(verdict.prediction)
    return {
        "score": score,
        "outcome": category.of(score),
        "review": category.review,
        "remove": category.remove,
        "version": short(verdict.version),
        **evidence_of(verdict),
    }


def _of_missing(policy: Policy, source: str) -> Outcome:
    """Return what a missing verdict leads to; of a category that the policy no longer has, a review."""
    category = policy.by_source.get(source)
    return policy.categories[category].missing if category else "review"


def _automated(policy: Policy, findings: Findings, missing: Mapping[str, Outcome], expired: bool) -> Decision:
    counted = missing if expired else {}
    outcome = _worst([*(facts["outcome"] for facts in findings.values()), *counted.values()])
    moved = {name: facts for name, facts in findings.items() if facts["outcome"] == outcome != "allow"}
    unanswered = [name for name, one in counted.items() if one == outcome]
    facts = {
        "explanation": explanation.for_user(policy, outcome, moved, unanswered),
        "automated_decision": True,
        **_facts(policy, outcome, findings, missing, expired, list(moved)),
    }
    return Decision(outcome, facts)


def _by_person(
    policy: Policy, person: Verdict[Any], findings: Findings, missing: Mapping[str, Outcome], expired: bool
) -> Decision:
    outcome, because = person.prediction.outcome, person.prediction.because
    moved = [name for name, facts in findings.items() if facts["outcome"] != "allow"]
    facts = {
        "explanation": explanation.of_reviewer(outcome, because),
        "automated_decision": False,
        "reviewer": {"by": short(person.version), "because": because},
        **_facts(policy, outcome, findings, missing, expired, moved),
    }
    return Decision(outcome, facts)


def _facts(
    policy: Policy,
    outcome: Outcome,
    findings: Findings,
    missing: Mapping[str, Outcome],
    expired: bool,
    moved: list[str],
) -> dict[str, Any]:
    """Return what both kinds of decisions tell. moved: the categories that the decision is about."""
    return {
        "automated_detection": any(facts["outcome"] != "allow" for facts in findings.values()),
        "decision_facts": explanation.for_auditor(policy, findings, missing, expired),
        **statement.grounds(policy, outcome, sorted(moved, key=lambda name: -findings[name]["score"])),
        "categories": findings,
        "missing": dict(missing),
        "appeal": policy.appeal,
    }


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    return max(outcomes, key=SEVERITY.__getitem__, default="allow")


join = join_of(load(own_file()), text_of(own) if (own := own_file()) else "")
