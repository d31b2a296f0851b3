"""A moderation policy to decide by, and verdicts as the join decodes them."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

from threeways.join.join import Join, Verdict
from threeways.systems.moderation import policy
from threeways.systems.moderation.decision import join_of
from threeways.systems.moderation.verdicts import Subject

CATEGORIES = ("copyright", "nsfw", "violence")
BLOCK = {
    "review": 0.5, "remove": 0.9, "ground": "Terms, 4", "statement_category": "STATEMENT_CATEGORY_VIOLENCE",
}  # fmt: skip
UPLOAD = Subject(upload_id=7, user_id="user-7", title="Harbour at dawn")


def document(**blocks: dict[str, Any]) -> dict[str, Any]:
    """A policy's document. blocks: further keys of a category, by its name."""
    made: dict[str, Any] = {
        "version": "t", "deadline_s": 30.0, "ground": "Terms", "appeal": "Reply to this.",
        "categories": {
            name: {**BLOCK, "what": f"{name} things", "model": name} for name in CATEGORIES
        },
    }  # fmt: skip
    for name, keys in blocks.items():
        made["categories"].setdefault(name, {**BLOCK, "what": name}).update(keys)
    return deepcopy(made)


def a_policy(late: str = "revise", **blocks: dict[str, Any]) -> policy.Policy:
    return policy.checked({**document(**blocks), "late": late}, "policy")


def a_join(late: str = "revise", **blocks: dict[str, Any]) -> Join[Subject]:
    return join_of(a_policy(late, **blocks))


def prediction(source: str, score: float) -> dict[str, Any]:
    """A consumer's prediction about `UPLOAD`."""
    if source == "copyright":
        return {"upload_id": 7, "work": "Quiet Tide", "distance": 3, "matched_frames": 2, "score": score}
    return {"upload_id": 7, "label": source, "probabilities": {source: score, "ok": 1 - score}}


BECAUSE = (
    {"feature": "text", "value": "calm", "contribution": -2.0},
    {"feature": "text", "value": "knife", "contribution": 1.0},
    {"feature": "text", "value": "blood", "contribution": 1.5},
)


def verdict(join: Join[Any], source: str, score: float, at: float = 1.0) -> Verdict[Any]:
    raw = json.dumps(prediction(source, score)).encode()
    because = () if source == "copyright" else BECAUSE
    return Verdict(source, f"event-{source}", "v1", join.prediction(source, raw), at, because=because)


def by_person(
    join: Join[Any], outcome: str, number: int = 1, because: str = "It is a news report.", at: float = 99.0
) -> Verdict[Any]:
    raw = json.dumps({"upload_id": 7, "outcome": outcome, "because": because}).encode()
    return Verdict("reviewer", f"review-{number}", "Ada", join.prediction("reviewer", raw), at)
