"""What the decision reads: of an upload what it has to know, and the verdicts by their judges' schemas.

A score is a number from 0 to 1 and required; anything else is no verdict, and quarantined with the field's
name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from threeways.join.join import Verdict
from threeways.systems.moderation.policy import REVIEWER, Policy, source_of

WORDS, LENGTH = 3, 100
"""How many of the words that moved a score are told, and how many characters of one, or of a work's name."""

Id = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | Annotated[str, Meta(min_length=1, max_length=256)]
Score = Annotated[float, Meta(ge=0, le=1)]


class Subject(msgspec.Struct, frozen=True):
    """What is kept of an upload: what its decision's messages name."""

    upload_id: Id
    user_id: Annotated[str, Meta(min_length=1, max_length=256)]
    title: Annotated[str, Meta(max_length=20_000)]


class NearestWork(msgspec.Struct, frozen=True):
    """The verdict about copies. work: the nearest of the catalogue, if any. distance: in bits of 64."""

    upload_id: Id
    score: Score
    work: Annotated[str, Meta(max_length=1_000)] | None = None
    distance: Annotated[float, Meta(ge=0, le=64)] | None = None


class PersonsVerdict(msgspec.Struct, frozen=True):
    """A reviewer's verdict. because: told to the user and to the auditor."""

    upload_id: Id
    outcome: Literal["allow", "remove"]
    because: Annotated[str, Meta(min_length=1, max_length=1_000)]


def text_verdict(label: str) -> type[msgspec.Struct]:
    """Return the type of verdicts about texts; the probability of the label is the score."""
    probabilities = msgspec.defstruct(
        "Probabilities", [("score", Score)], rename={"score": label}, frozen=True
    )
    return msgspec.defstruct(
        "TextVerdict", [("upload_id", Id), ("probabilities", probabilities)], frozen=True
    )


def types_of(policy: Policy) -> dict[str, type]:
    """Return source -> the type of its predictions."""
    types: dict[str, type] = {
        source_of(name, category): NearestWork
        if name == "copyright"
        else text_verdict(category.label or name)
        for name, category in policy.categories.items()
    }
    return {**types, REVIEWER: PersonsVerdict}


def score_of(prediction: Any) -> float:
    """Return a prediction's score."""
    return float(prediction.score if isinstance(prediction, NearestWork) else prediction.probabilities.score)


def evidence_of(verdict: Verdict[Any]) -> Mapping[str, Any]:
    """Return what moved a score, as JSON: the work and its distance, or the words."""
    prediction = verdict.prediction
    if isinstance(prediction, NearestWork):
        if not prediction.work:
            return {}
        near = {} if prediction.distance is None else {"distance": prediction.distance}
        return {"work": short(prediction.work), **near}
    words = _words(verdict.because)
    return {"because": words} if words else {}


def short(text: str) -> str:
    """Return a text cut to what a message has room for."""
    return text if len(text) <= LENGTH else f"{text[: LENGTH - 1]}…"


def _words(terms: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the words of the terms that raised the score, the one that did most first.

    A tag is one token, `street_fight`, and so are two things that come together, `sport&spain`.
    """
    raising = [(one["contribution"], one.get("value", one.get("feature"))) for one in terms if _raises(one)]
    words = [word for _, word in sorted(raising, key=lambda one: -one[0]) if isinstance(word, str) and word]
    readable = [word.replace("_", " ").replace("&", " with ") for word in words]
    return [short(word) for word in dict.fromkeys(readable)][:WORDS]


def _raises(term: Mapping[str, Any]) -> bool:
    contribution = term.get("contribution")
    return isinstance(contribution, int | float) and contribution > 0
