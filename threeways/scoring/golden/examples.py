"""Make a golden set: events of a task, boundaries among them, with the model's answers.

Events are varied as the JSON that arrives, so that any task's can be: known events with one value changed to
an extreme, an unknown or a missing one, or to another type; and pairs of events on both sides of a place
where the answer jumps, such as a tree's threshold, found by bisection on what the model answers.

An example is kept only if its answer is stable: the same alone and among others, and within the tolerance
where its numbers are moved by as much as another machine may round otherwise. What is left out is no proof.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from threeways.artifact import limits
from threeways.atomic_files import replacing
from threeways.errors import ArtifactUnsupported
from threeways.scoring.golden import checking, fault
from threeways.scoring.golden.format import MOST, NAME, Example, GoldenSet, Made, read
from threeways.scoring.golden.variations import edges, jumps, moved
from threeways.scoring.service import ModelService

MOST_SEEDS, MOST_REFUSED, MOST_EDGES, MOST_JUMPS = 60, 20, 40, 80
"""How many of a set are known events, refused ones, events with an extreme value, and sides of jumps. What
one of these lacks, known events make up."""
ROUNDING = 1e-12
"""How much the numbers of a stable example may be moved, relative. Machines differ by some 1e-14."""
EVENT_BYTES = 64 * 2**10
"""A longer event is no example."""
SET_BYTES = limits.GOLDEN_BYTES // 2
ARRIVED = datetime(2021, 2, 1, 12, tzinfo=UTC)
_VARIED = 8
"""How many known events are varied."""
_BROKEN = (b"", b"{", b"[]", b"null", b'{"value": NaN}')


def write(service: ModelService[Any], folder: Path, seeds: Sequence[bytes] = ()) -> int:
    """Make the golden set of an artifact in a folder and write it there; return its number of examples.

    service: that loaded it from there. seeds: payloads of known events, such as of the validation set; the
    task's example is one more. 0, and nothing is written: no example has a stable answer.
    """
    made = make(service, folder, seeds)
    if made is None:
        return 0
    with replacing(folder / NAME) as part:
        part.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1))
    return len(made.examples)


def renew(folder: Path, names: Sequence[str]) -> None:
    """Note in an artifact's set that a flavour's files were added, and that the set is theirs, too."""
    found = read(folder)
    if found is None:
        raise ArtifactUnsupported(f"{folder} has no {NAME}; make one: threeways export")
    made = msgspec.structs.replace(found.made, files=found.made.files | fault.file_hashes(folder, names))
    with replacing(folder / NAME) as part:
        kept = msgspec.structs.replace(found, made=made)
        part.write_bytes(msgspec.json.format(msgspec.json.encode(kept), indent=1))


def make(service: ModelService[Any], folder: Path, seeds: Sequence[bytes] = ()) -> GoldenSet | None:
    """Return the golden set of an artifact; None where no example is stable. See `write`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of overflows and unknown categories, which are tried
        examples = _examples(service, _known(service, seeds))
    if not any(one.refused is None for one in examples):
        return None
    files = fault.file_hashes(folder, checking.model_files(service))
    made = Made(files=files, **fault.environment(service.runtime))
    return GoldenSet(checking.task_name(service), service.task.id_name, ARRIVED, made, tuple(examples))


def _examples(service: ModelService[Any], known: Sequence[dict[str, Any]]) -> list[Example]:
    varied = known[: 1 + _VARIED]
    model: Any = service.model
    extreme = list(edges(varied, getattr(model, "categories", {}) or {}, service.task.id_name))
    sides = jumps(known, lambda events: _values(service, events), MOST_JUMPS)
    return _chosen(service, known, extreme, sides)


def rows_as_events(service: ModelService[Any], rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Return rows as events of the task that a signature makes: flat JSON, without what is missing."""
    if not service.task.from_signature:
        return []
    id_name = service.task.id_name
    return [
        msgspec.json.encode({id_name: place} | {name: value for name, value in row.items() if _told(value)})
        for place, row in enumerate(rows, 1)
    ]


def _told(value: Any) -> bool:
    return value is not None and value == value


def _known(service: ModelService[Any], seeds: Sequence[bytes]) -> list[Any]:
    """Return the task's example and known events, as JSON's values, evenly over the seeds."""
    step = max(1, len(seeds) // MOST)
    payloads = [msgspec.json.encode(service.task.example), *seeds[::step][:MOST]]
    found = []
    for payload in payloads:
        try:
            found.append(msgspec.json.decode(payload))
        except msgspec.DecodeError:
            continue
    return [one for one in found if isinstance(one, dict)]


def _values(service: ModelService[Any], events: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the answers of events, None for one that is refused."""
    told = checking.answered(service, list(map(msgspec.json.encode, events)), ARRIVED)
    return [None if one.refused else one.value for one in told]


def _chosen(
    service: ModelService[Any],
    known: Sequence[dict[str, Any]],
    edges: Sequence[dict[str, Any]],
    jumps: Sequence[dict[str, Any]],
) -> list[Example]:
    """Return the examples, at most MOST and SET_BYTES: the task's own, some of each kind, the rest known."""
    payloads = list(map(msgspec.json.encode, (*known[:MOST_SEEDS], *jumps, *edges, *known[MOST_SEEDS:])))
    payloads += [*_BROKEN, payloads[0][:-1]]
    payloads = [one for one in dict.fromkeys(payloads) if len(one) <= EVENT_BYTES]
    sound = _stable(service, payloads)
    refused = [one for one in sound if one.refused is not None]
    told = [one for one in sound if one.refused is None]
    early = {payload.decode() for payload in map(msgspec.json.encode, (*known[:MOST_SEEDS], *jumps))}
    edge = {msgspec.json.encode(one).decode() for one in edges} - early
    wanted = [
        *(one for one in told if one.event in early),
        *_evenly(refused, MOST_REFUSED),
        *_evenly([one for one in told if one.event in edge], MOST_EDGES),
        *(one for one in told if one.event not in early and one.event not in edge),
    ]
    return list(_within(wanted))


def _evenly(examples: Sequence[Example], most: int) -> list[Example]:
    """Return at most so many, one of each reason first."""
    first = {one.refused or one.flags: one for one in reversed(examples)}
    kept = list(first.values())[:most]
    rest = [one for one in examples if one not in kept]
    return [*kept, *rest[: most - len(kept)]]


def _within(examples: Sequence[Example]) -> Iterator[Example]:
    """Yield as many as a set may hold."""
    size = 0
    for one in examples[:MOST]:
        size += len(msgspec.json.encode(one)) + 50
        if size <= SET_BYTES:
            yield one


def _stable(service: ModelService[Any], payloads: Sequence[bytes]) -> list[Example]:
    """Return the examples whose answers do not depend on rounding, nor on the others of a batch."""
    told = checking.answered(service, payloads, ARRIVED)
    raised = _raised(service, payloads, told)
    kept = [at for at in range(len(payloads)) if at not in raised]
    backwards = checking.answered(service, [payloads[at] for at in reversed(kept)], ARRIVED)
    again = dict(zip(reversed(kept), backwards, strict=True))
    for factor in (1 + ROUNDING, 1 - ROUNDING):
        given = [moved(payloads[at], factor) for at in kept]
        nearby = dict(zip(kept, checking.answered(service, given, ARRIVED), strict=True))
        kept = [
            at for at in kept if checking.same(told[at], again[at]) and checking.same(told[at], nearby[at])
        ]
    return [told[at] for at in kept]


def _raised(service: ModelService[Any], payloads: Sequence[bytes], told: Sequence[Example]) -> set[int]:
    """Return the events that `predict` itself raises on: each would cost a check several calls of it."""
    places = [at for at, one in enumerate(told) if one.refused not in (None, "undecodable", "invalid_event")]
    events = [service.task.decode(payloads[at]) for at in places]
    before = service.refused(events, [ARRIVED] * len(events))
    return {at for place, at in enumerate(places) if place not in before}
