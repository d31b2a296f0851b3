"""Pause a run's consumers and let them go on: by a schedule, PAUSE, or by keys in a terminal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import combinations
from operator import attrgetter
from queue import Empty, SimpleQueue

from threeways.emulator.mapping import EventSourceMapping
from threeways.errors import UsageError
from threeways.local_run.background import BackgroundThread
from threeways.local_run.keys import keys

LOOK_SECONDS = 0.1
_PAUSE = re.compile(r"(?P<name>.+)@(?P<begin>\d+(\.\d+)?)s?-(?P<end>\d+(\.\d+)?)s?")


@dataclass(frozen=True, slots=True)
class Pause:
    """When a consumer is paused. begin, end: seconds from the run's start."""

    name: str
    begin: float
    end: float


def parse(text: str, names: Sequence[str]) -> list[Pause]:
    """Return the pauses of PAUSE, `name@5s-15s` with spaces or commas between them. names: the consumers'.

    Raises UsageError.
    """
    pauses = []
    for word in filter(None, re.split(r"[\s,]+", text)):
        found = _PAUSE.fullmatch(word)
        if found is None or float(found["begin"]) >= float(found["end"]):
            raise UsageError(
                f"PAUSE: {word!r} does not say who is paused and when: give a consumer, and the seconds "
                "from and to which it is, PAUSE=name@5s-15s"
            )
        if found["name"] not in names:
            listed = ", ".join(names) or "there are none"
            raise UsageError(f"PAUSE names {found['name']}, which is not among CONSUMERS: {listed}")
        pauses.append(Pause(found["name"], float(found["begin"]), float(found["end"])))
    for one, other in combinations(sorted(pauses, key=attrgetter("name", "begin")), 2):
        if one.name == other.name and other.begin < one.end:
            raise UsageError(f"PAUSE: two pauses of {one.name} overlap: give one that lasts as long as both")
    return pauses


class Pauser(BackgroundThread):
    """Enables and disables one consumer's mapping. say: gets a line for people. paused: how often it was."""

    def __init__(
        self, name: str, mapping: EventSourceMapping, pauses: Sequence[Pause], say: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._name, self._mapping, self._say = name, mapping, say
        changes = [(one.begin, False) for one in pauses] + [(one.end, True) for one in pauses]
        self._changes = sorted(changes)
        self._toggles: SimpleQueue[None] = SimpleQueue()
        self.paused = 0

    def toggle(self) -> None:
        """Pause it, or let it go on."""
        self._toggles.put(None)

    def work(self) -> None:
        """Change the mapping when it is time to, or when it is asked for."""
        started = time.monotonic()
        while not self._stopping.wait(LOOK_SECONDS):
            while self._changes and self._changes[0][0] <= time.monotonic() - started:
                self._enable(self._changes.pop(0)[1])
            while self._toggled():
                self._enable(not self._mapping.enabled)

    def _toggled(self) -> bool:
        try:
            self._toggles.get_nowait()
        except Empty:
            return False
        return True

    def _enable(self, enabled: bool) -> None:
        if enabled == self._mapping.enabled:
            return
        self._mapping.update(replace(self._mapping.settings, enabled=enabled))
        self.paused += not enabled
        self._say(f"{self._name} {'goes on from its checkpoint' if enabled else 'is paused'}")


def _usage(names: Sequence[str], chosen: int) -> str:
    which = ", ".join(f"{number} {name}" for number, name in enumerate(names, 1))
    return f"Key p pauses {names[chosen]}, and lets it go on; a digit chooses another: {which}"


@contextmanager
def pausing(
    mappings: Mapping[str, EventSourceMapping], pauses: Sequence[Pause], say: Callable[[str], None]
) -> Iterator[None]:
    """Pause consumers as PAUSE says, and as `p` does in a terminal; a digit says which one `p` is about."""
    pausers = [
        Pauser(name, mapping, [one for one in pauses if one.name == name], say)
        for name, mapping in mappings.items()
    ]
    chosen = len(pausers) - 1

    def pressed(key: str) -> None:
        nonlocal chosen
        if key.isdecimal() and 0 < int(key) <= len(pausers):
            chosen = int(key) - 1
            say(f"p is about {list(mappings)[chosen]}")
        elif key == "p":
            pausers[chosen].toggle()

    for pauser in pausers:
        pauser.start()
    try:
        with keys(pressed, started=lambda: say(_usage([*mappings], chosen))):
            yield
    finally:
        for pauser in pausers:
            pauser.end()
    for pauser in pausers:
        pauser.stop()
    for name, pauser in zip(mappings, pausers, strict=True):
        if not pauser.paused and any(one.name == name for one in pauses):
            say(f"{name} was not paused: the run had ended before")
