"""What befalls an event source mapping: all of it in a file, the first of a kind on the screen."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path

import msgspec
from rich.console import Console

from threeways.emulator.mapping import MappingEvent


class MappingLog:
    """Takes a mapping's events. path: its file. name: whose they are, where there are several.

    troubles: how many, by kind.
    """

    def __init__(self, path: Path, console: Console, name: str = "") -> None:
        self._path, self._console, self._name = path, console, name
        self._lock = threading.Lock()
        self.troubles: Counter[str] = Counter()

    def __call__(self, event: MappingEvent) -> None:
        """Write an event to the file; on the screen, the first of a kind."""
        with self._lock:
            with self._path.open("a", encoding="utf-8") as log:
                log.write(f"{msgspec.json.encode(event).decode()}\n")
            self.troubles[event.kind] += 1
            if self.troubles[event.kind] > 1:
                return
        where = " ".join(filter(None, (self._name, event.shard_id)))
        self._console.print(
            f"[yellow]{event.kind}[/] on {where}, {event.records} records: {event.message} "
            f"(more of the kind only in {self._path})",
            highlight=False,
            soft_wrap=True,
        )
