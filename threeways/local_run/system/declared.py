"""What a system says of a run of it, and how a system is found by its name."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threeways.errors import SettingsError, UsageError
from threeways.scoring.task import EventId

SYSTEMS = "threeways.systems"
MODULE = "system"
"""The module of a system's folder that holds its `system`."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a verdict says of its category. flagged: whether it holds. score: the higher, the more it does."""

    flagged: bool
    score: float


@dataclass(frozen=True, slots=True)
class Labels:
    """What really happens to a system's events. event: (its id, its truth) -> the event that says so.

    seconds: how long after an event of this truth that is known.
    """

    event: Callable[[EventId, Any], Mapping[str, Any]]
    seconds: Callable[[Any], float]


@dataclass(frozen=True, kw_only=True)
class System:
    """A system's run: its consumers, their join, and what its messages say.

    consumers: tasks, as TASK names them, of one and the same event. The first one's producer makes the
    events; each one's producer knows the truth of its own category, which is called as its task. join: as
    JOIN names it; None: the consumers run each for itself. effects: the kinds of a decision's messages; the
    first one is told of each decision. subject: what is decided about, in a word. deadline: the join's, in
    seconds, in a run on one machine; None: its own. variables: (the run's folder, deadline) -> what the
    join's functions get to decide by it. count: how many events where N is not given. judged: (task's name,
    prediction of a verdict) -> what it says; None: nothing. holds: (task's name, truth of an event) ->
    whether its category really holds. explained: a decision's message -> lines for people. labels: of a
    join of labels.
    """

    consumers: tuple[str, ...]
    join: str | None = None
    effects: tuple[str, ...] = ()
    subject: str = "subject"
    deadline: float | None = None
    count: int = 500
    variables: Callable[[Path, float], Mapping[str, str]] = lambda _folder, _deadline: {}
    judged: Callable[[str, Mapping[str, Any]], Judged | None] = lambda _name, _prediction: None
    holds: Callable[[str, Any], bool] = lambda name, truth: truth is True or truth == name
    explained: Callable[[Mapping[str, Any]], Sequence[str]] = lambda _message: ()
    labels: Labels | None = None


def names() -> list[str]:
    """Return the systems that say what a run of them is, sorted."""
    places = importlib.import_module(SYSTEMS).__path__
    return sorted(file.parent.name for place in places for file in Path(place).glob(f"*/{MODULE}.py"))


def find(name: str) -> System:
    """Return the system that SYSTEM names: a folder of the systems, or a module of the user's own.

    Raises UsageError: there is none, or it cannot be imported, or it says nowhere what a run of it is.
    """
    if "." not in name and name not in names():
        raise UsageError(
            f"SYSTEM={name!r} is not a system that can be run; there is {', '.join(names())}. One of your "
            f"own is named by its module, such as SYSTEM=my_package.my_{MODULE}"
        )
    module = name if "." in name else f"{SYSTEMS}.{name}.{MODULE}"
    try:
        found = getattr(importlib.import_module(module), MODULE, None)
    except SettingsError:
        raise
    except Exception as error:
        raise SettingsError(f"SYSTEM={name}: {module} cannot be imported: {error!r}; mend it") from error
    if not isinstance(found, System):
        raise SettingsError(f"SYSTEM={name}: {module} holds no System called `{MODULE}`")
    if found.join is not None and not found.effects:
        raise SettingsError(
            f"SYSTEM={name}: {module} names a join and no `effects`; name the messages' kinds"
        )
    return found
