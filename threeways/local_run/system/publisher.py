"""Write the state of a system's run to its folder, for those who watch it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from threeways.local_run.system.session import Session, SystemView
from threeways.local_run.watch.publisher import Publisher
from threeways.local_run.watch.snapshot import Decided, Flow

RECENT, OF_ONE = 6, 2
"""Decisions that are shown, and how many of one outcome."""


class SystemPublisher:
    """Writes a run's state: its consumers as of every run, and what the join makes of their verdicts."""

    def __init__(self, folder: Path) -> None:
        self._publisher = Publisher(folder)

    def write(self, session: Session, seen: SystemView, *, ended: bool = False) -> None:
        """Write it."""
        made = session.up.prepared
        watched = {
            task.name: (
                session.up.consumers[task.name],
                session.reader.by_source[task.model_name],
                seen.views[task.name],
            )
            for task in made.tasks
        }
        self._publisher.write(
            watched, session.producer, made.workload, join=_flow(session, seen), ended=ended
        )


def _flow(session: Session, seen: SystemView) -> Flow:
    made, join = session.up.prepared, session.up.join
    reasons: Counter[str] = sum((log.reasons for log in join.logs.values()), Counter())
    return Flow(
        name=made.join.name,
        subject=made.system.subject,
        verdicts_stream=join.verdicts.name,
        decisions_stream=join.decisions.name,
        deadline_s=made.deadline,
        verdicts=seen.verdicts,
        outcomes=dict(seen.decided),
        waiting=max(0, seen.sent - seen.done - seen.quarantined),
        revisions=seen.revisions,
        effects=dict(seen.effects),
        quarantined=seen.quarantined,
        reasons=dict(reasons),
        troubles=dict(join.troubles),
        recent=[_decided(session, message) for message in _chosen(list(session.decisions.recent))],
    )


def _chosen(recent: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the last decisions, few of each outcome."""
    of: Counter[Any] = Counter()
    found = []
    for message in reversed(recent):
        of[message.get("outcome")] += 1
        if of[message.get("outcome")] <= OF_ONE:
            found.append(message)
    return found[:RECENT]


def _decided(session: Session, message: Mapping[str, Any]) -> Decided:
    made = session.up.prepared
    key = message[made.tasks[0].id_name]
    opened, at = session.put_at(key), session.decisions.decided.get(key)
    seconds = max(0.0, at - opened) if opened is not None and at is not None else None
    return Decided(key, str(message.get("outcome", "")), seconds, list(made.system.explained(message)))
