"""Join predictions with what really happened: a join of labels, of which a system says a few lines.

The subject is the event that was predicted: its time and slices are known from the start, so that a cohort's
count does not depend on which labels or predictions came. The label is an event of its own, `observed`, and
each version's prediction counts, so that a swap of models between redeliveries costs none. A task is told by
names, for a `Task` needs NumPy and a join's image has none; a test compares the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from typing import Annotated, Any

import msgspec

from threeways.join.join import Decided, Decision, Effect, Join, Verdicts
from threeways.lifecycle.live import Live
from threeways.scoring.decoding import Id
from threeways.scoring.slices import HOUR, Slice

LABEL, UNMATCHED = "label", "unmatched"
"""The kinds of messages, and the outcomes that they come of."""
FINITE = msgspec.Meta(ge=-1.7e308, le=1.7e308)
Number = Annotated[float, FINITE]
HOUR_SECONDS = 3_600.0


@dataclass(frozen=True, kw_only=True)
class LabelJoin[S](Join[S]):
    """A join of one task's labels.

    model: the source of its predictions. label: the source of its labels. slices: how live error is parted,
    by the event's hour first. cohort: seconds of the event's time whose events are judged together.
    """

    model: str = ""
    label: str = ""
    slices: tuple[Slice, ...] = ()
    cohort: float = HOUR_SECONDS

    def live(self, **more: Any) -> Live:
        """Return what aggregates its outcomes. more: fields of `Live` that are to differ."""
        given = {"length": self.cohort, "deadline": self.deadline}
        return Live(self.id, self.slices, **given | more)


@dataclass(frozen=True, kw_only=True)
class Labelled[S, L]:
    """What of a task's events and labels the join reads.

    time: an event's, naive by `zone` or aware; None where it has none, which is the time of its arrival.
    values: the fields that the slices name. actual: what a label says. least, most: an actual value beyond is
    told and not judged, as in training (`Truth`).
    """

    model: str
    label: str
    time: Callable[[S], datetime | None]
    zone: tzinfo = UTC
    values: Callable[[S], Mapping[str, float]]
    actual: Callable[[L], float]
    least: float
    most: float


def label_join[S, L](
    task: str,
    label_type: type[L],
    *,
    output: str,
    subject: type[S],
    example: S,
    id: str = "id",  # noqa: A002 - as `Join` and `Task` have it
    label: str,
    actual: Callable[[L], float],
    time: Callable[[S], datetime | None],
    zone: tzinfo = UTC,
    values: Callable[[S], Mapping[str, float]] = lambda _: {},
    slices: tuple[Slice, ...] = (),
    deadline_hours: float,
    cohort_hours: float = 1.0,
    least: float = float("-inf"),
    most: float = float("inf"),
    model: str = "",
) -> LabelJoin[S]:
    """Return the join of a task's predictions with its labels.

    task, output, id: names of the task, of its one number in a prediction, and of the field with the event's
    id. label_type: of an event `{"event": <label>, <id>: …}`; bounds on its fields send what cannot be to the
    quarantine. subject: of the predicted event the fields that `time` and `values` need, and no others, for
    they are stored. model: the predictions' `model`, where it is not the task's usual one. See `Labelled`.
    """
    source = model or f"{task}_prediction_model"
    said: Labelled[S, L] = Labelled(
        model=source, label=label, time=time, zone=zone, values=values, actual=actual, least=least, most=most
    )
    return LabelJoin(
        name=f"{task}_labels",
        subject=subject,
        example=example,
        id=id,
        verdicts={source: _prediction_type(id, output), label: label_type},
        expected=frozenset({source, label}),
        versions=frozenset({source}),
        observed=frozenset({label}),
        deadline=deadline_hours * HOUR_SECONDS,
        decide=partial(_decide, said),
        revises=lambda before, now: before.facts != now.facts,
        effects=partial(_effects, said),
        model=source,
        label=label,
        slices=(HOUR, *slices),
        cohort=cohort_hours * HOUR_SECONDS,
    )


def _prediction_type(id_name: str, output: str) -> type:
    """Return the type of a prediction: the event's id, a number, and the interval where there is one."""
    fields: list[Any] = [("key", Id), ("value", Number), ("interval", tuple[Number, Number] | None, None)]
    renamed = {"key": id_name, "value": output}
    return msgspec.defstruct("Predicted", fields, rename=renamed, frozen=True)


def _decide(
    said: Labelled[Any, Any], verdicts: Verdicts, _expected: frozenset[str], expired: bool
) -> Decision | None:
    """Decide as soon as there are a label and a prediction; at the deadline, with what there is."""
    label = verdicts.get(said.label)
    predictions = {
        one.version: [one.prediction.value, *(one.prediction.interval or ())]
        for one in verdicts.values()
        if one.source == said.model
    }
    if not expired and not (label and predictions):
        return None
    facts: dict[str, Any] = {"predictions": dict(sorted(predictions.items()))}
    if label:
        facts |= {"actual": float(said.actual(label.prediction)), "labelled_at": label.at}
    return Decision(LABEL if label and predictions else UNMATCHED, facts)


def _effects(said: Labelled[Any, Any], event: Any, decided: Decided) -> Iterator[Effect]:
    """Yield an outcome for each version's prediction; one without a version where there is no prediction."""
    time = said.time(event)
    at = datetime.fromtimestamp(decided.opened_at, said.zone) if time is None else time
    at = at.replace(tzinfo=said.zone) if at.tzinfo is None else at.astimezone(said.zone)
    about = {
        "at": at.isoformat(),
        "slices": {HOUR.field: at.hour, **said.values(event)},
        "opened_at": decided.opened_at,
    }
    facts = decided.facts
    label: dict[str, Any] = {}
    if "actual" in facts:
        actual = facts["actual"]
        label = {
            "actual": actual,
            "judged": said.least <= actual <= said.most,
            "waited": max(0.0, facts["labelled_at"] - decided.opened_at),
        }
    for version, (value, *interval) in facts["predictions"].items():
        prediction = {
            "model": said.model, "version": version, "predicted": value, "interval": interval or None,
        }  # fmt: skip
        side = {} if label else {"side": "prediction"}
        yield Effect(LABEL if label else UNMATCHED, {**side, **prediction, **label, **about})
    if not facts["predictions"]:
        yield Effect(UNMATCHED, {"side": "label" if label else "event", **label, **about})
