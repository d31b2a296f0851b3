"""Say why an upload was decided so: a sentence for its user, and the facts for an auditor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from threeways.systems.moderation.policy import Category, Outcome, Policy

MOST_FACTS = 5_000
"""The limit on `decision_facts`: transparency.dsa.ec.europa.eu/page/api-documentation"""


def for_user(
    policy: Policy, outcome: Outcome, moved: Mapping[str, Mapping[str, Any]], missing: Sequence[str]
) -> str:
    """Return the sentence about an automated decision.

    moved: the categories that led to it, with their findings. missing: those whose missing verdict did.
    """
    reasons = [_finding(policy.categories[name], facts) for name, facts in moved.items()]
    reasons += [f"the check for {_what(policy, name)} did not answer in time" for name in missing]
    if outcome == "remove":
        return f"Your upload was removed automatically: {', and '.join(reasons)}."
    if outcome == "review":
        return f"A person will look at your upload: {', and '.join(reasons)}."
    return f"Your upload stays up: {', and '.join(['no check found anything against the rules', *reasons])}."


def of_reviewer(outcome: Outcome, because: str) -> str:
    """Return the sentence about a person's decision."""
    what = "removed it" if outcome == "remove" else "decided that it stays up"
    return f"A person looked at your upload and {what}: {because.strip().rstrip('.')}."


def for_auditor(
    policy: Policy, findings: Mapping[str, Mapping[str, Any]], missing: Mapping[str, Outcome], expired: bool
) -> str:
    """Return `decision_facts`: scores, thresholds and what was missing.

    The upload's words and names of people are not in it: a statement of reasons has no personal data.
    """
    told = [
        f"{name}: score {facts['score']:.4g} (model version {facts['version']}), review from "
        f"{facts['review']:g}, "
        + ("never removed" if facts["remove"] is None else f"removal from {facts['remove']:g}")
        for name, facts in findings.items()
    ]
    told += [
        f"{name}: no verdict by the deadline, which leads to {outcome}"
        if expired
        else f"{name}: no verdict yet"
        for name, outcome in missing.items()
    ]
    return f"{'; '.join(told) or 'no verdict'}; policy {policy.rules}"[:MOST_FACTS]


def _finding(category: Category, facts: Mapping[str, Any]) -> str:
    if work := facts.get("work"):
        near = f" ({facts['distance']:g} of 64 bits differ)" if "distance" in facts else ""
        return f"it looks like a copy of “{work}”{near}"
    if words := facts.get("because"):
        told = ", ".join(f"“{word}”" for word in words)
        return f"it seems to have {category.what} (judged by {told})"
    return f"it seems to have {category.what}"


def _what(policy: Policy, name: str) -> str:
    category = policy.categories.get(name)
    return category.what if category else name
