"""The EU's statement of reasons for a removal, by the DSA Transparency Database's attributes (API v2).

Article 17 of Regulation (EU) 2022/2065; transparency.dsa.ec.europa.eu/page/api-documentation has the
attributes and their values. The platform adds `territorial_scope` and `content_date`, which a decision does
not know. It holds no personal data: neither the upload's words nor a reviewer's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from threeways.join.join import Decided
from threeways.systems.moderation.policy import Outcome, Policy

REMOVED = ["DECISION_VISIBILITY_CONTENT_REMOVED"]
GROUND = "DECISION_GROUND_INCOMPATIBLE_CONTENT"
OTHER = "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"
"""Of a removal by a person where no category found anything."""


def grounds(policy: Policy, outcome: Outcome, moved: Sequence[str]) -> dict[str, Any]:
    """Return the attributes that a decision keeps: what was restricted, and by which clause.

    moved: the categories that it is about, the first one first. Nothing is restricted but by a removal.
    """
    if outcome != "remove":
        return {"decision_visibility": [], "decision_ground": None}
    about = [policy.categories[name] for name in moved]
    categories = [*dict.fromkeys(one.statement_category for one in about)] or [OTHER]
    return {
        "decision_visibility": REMOVED,
        "decision_ground": GROUND,
        "incompatible_content_ground": about[0].ground if about else policy.ground,
        "category": categories[0],
        "category_addition": categories[1:],
    }


def of(decided: Decided) -> dict[str, Any]:
    """Return the statement of a removal."""
    facts = decided.facts
    kept = {name: facts[name] for name in ("decision_visibility", "decision_ground", "decision_facts")}
    further = facts["category_addition"]  # an attribute that is left out, but never empty
    return {
        **kept,
        **({"category_addition": further} if further else {}),
        "incompatible_content_ground": facts["incompatible_content_ground"],
        "incompatible_content_explanation": facts["decision_facts"][:2_000],
        "category": facts["category"],
        "content_type": ["CONTENT_TYPE_VIDEO"],
        "source_type": "SOURCE_VOLUNTARY",
        "automated_detection": "Yes" if facts["automated_detection"] else "No",
        "automated_decision": _automated(decided),
        "application_date": datetime.fromtimestamp(decided.decided_at, UTC).date().isoformat(),
        "puid": decided.id,
    }


def _automated(decided: Decided) -> str:
    """Return how far it was automated: a person who had the models' scores decided partly by them."""
    if decided.facts["automated_decision"]:
        return "AUTOMATED_DECISION_FULLY"
    scored = bool(decided.facts["categories"])
    return "AUTOMATED_DECISION_PARTIALLY" if scored else "AUTOMATED_DECISION_NOT_AUTOMATED"
