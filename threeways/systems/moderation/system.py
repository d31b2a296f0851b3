"""What a run of moderation is: a consumer for each category of the policy, and their join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from threeways.local_run.system.declared import Judged, System
from threeways.systems.moderation.policy import SHIPPED, load, own_file, with_deadline

POLICY = load(own_file())


def judged(category: str, prediction: Mapping[str, Any]) -> Judged:
    """Return a verdict's score, and whether the policy does anything about it."""
    rules = POLICY.categories[category]
    score = float(
        prediction["score"] if "score" in prediction else prediction["probabilities"][rules.label or category]
    )
    return Judged(rules.of(score) != "allow", score)


def holds(category: str, truth: Any) -> bool:
    """Return whether a category holds: by its label, or by a score of 1 or 0."""
    return bool(truth["score"] == 1 if isinstance(truth, Mapping) else truth == category)


def explained(message: Mapping[str, Any]) -> Sequence[str]:
    """Return what a decision's message says to the user and to the auditor."""
    facts = message["facts"]
    told = f"{message['outcome']} {message['upload_id']} (revision {message['revision']})"
    return f"{told}: {facts['explanation']}", facts["decision_facts"]


def variables(folder: Path, deadline: float) -> dict[str, str]:
    """Return the policy for the functions: the one in force with another deadline, in the run's folder."""
    file = folder / SHIPPED.name
    file.write_text(with_deadline(own_file(), deadline), "utf-8")
    return {"MODERATION_POLICY": str(file)}


system = System(
    consumers=tuple(POLICY.categories),
    join="moderation",
    effects=("decision", "notification", "stop_upload"),
    subject="upload",
    deadline=20.0,
    judged=judged,
    holds=holds,
    explained=explained,
    variables=variables,
)
