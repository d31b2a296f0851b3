"""The quarantine's reader: what is in it and why, one record, all of it in a file."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from threeways.atomic_files import write_atomic
from threeways.errors import LocationError
from threeways.masking import masked
from threeways.ops import account
from threeways.ops.locations import Folder, find
from threeways.ops.replay.documents import Unreadable, entries_of
from threeways.scoring.decoding import reason_kind
from threeways.stream.quarantine import QuarantineEntry
from threeways.stream.records import kinesis_id

REASONS = 30
"""Reasons that are shown each on its own."""
WIDE = 110
"""Columns of a terminal that has room for a table of everything about a reason."""
SHOWN_BYTES = 1024
EXAMPLE = 8
"""How much of an id's end is shown, and is enough for `show` where it is the only one that ends so."""


class Reader:
    """Reads a place once and shows what was asked for. Raises LocationError where there is no quarantine.

    read: (object's key, entry), in the order of the keys; entries of a redelivered record repeat its id.
    """

    def __init__(self, location: str, console: Console) -> None:
        self._console = console
        self._place = find(location)
        if not isinstance(self._place, Folder):
            self._say(f"Reading {masked(location)} in {self._place.whose}")
        with account.named_faults(f"{location} cannot be read"):
            self.read = list(self._entries())

    def _entries(self) -> Iterator[tuple[str, QuarantineEntry]]:
        keys, unreadable = self._place.keys(), 0
        for key in keys:
            try:
                yield from ((key, entry) for entry in entries_of(self._place.read(key)))
            except FileNotFoundError:
                continue  # replayed in the meantime
            except Unreadable as error:
                unreadable += 1
                self._say(f"[yellow]passed over[/] {escape(key or self._place.name)}: {escape(str(error))}")
        if keys and unreadable == len(keys):
            raise LocationError(
                f"{self._place.name} holds nothing of quarantine's; failure documents are for `make replay`"
            )

    def overview(self) -> None:
        """How many there are by reason and by hour."""
        events = {entry.source_event_id: entry for _, entry in self.read}
        by_reason: dict[tuple[str, str], list[QuarantineEntry]] = defaultdict(list)
        for entry in events.values():
            by_reason[entry.code, reason_kind(entry.message)].append(entry)
        if events:
            self._console.print(_reasons(by_reason, wide=self._console.width >= WIDE))
            self._console.print(_hours(list(events.values())))
        again = len(self.read) - len(events)
        self._say(
            f"{len(events):,} records in quarantine at {escape(self._place.name)}"
            + (f", {again:,} of them there more than once" if again else "")
            + ("; --show ID shows one, --export FILE writes them all" if events else "")
        )

    def show(self, event_id: str) -> None:
        """Print a record by its id or the id's end; the user records of an aggregated one by that one's id.

        Raises LocationError where there is none, or the end is of several.
        """
        whole = [
            (key, entry)
            for key, entry in self.read
            if event_id in (entry.source_event_id, kinesis_id(entry.source_event_id))
        ]
        found = whole or [one for one in self.read if one[1].source_event_id.endswith(event_id)]
        ids = sorted({entry.source_event_id for _, entry in found})
        if not ids or (not whole and len(ids) > 1):
            some = ", ".join((ids or [entry.source_event_id for _, entry in self.read])[:3])
            what = "several end with" if ids else "there is no"
            raise LocationError(
                f"{what} {event_id!r} in {self._place.name}; there is {some or 'none at all'}"
            )
        for key, entry in found:
            self._console.print(_record(key or self._place.name, entry))
            self._console.print(*_content(entry.data), sep="\n", markup=False, soft_wrap=True)

    def export(self, file: Path) -> None:
        """Write every entry as it is, a JSON line each. Raises LocationError where that cannot be."""
        if file.exists():
            raise LocationError(f"{file} is there already: give another name, or remove it")
        try:
            write_atomic(file, msgspec.json.Encoder().encode_lines([entry for _, entry in self.read]))
        except OSError as error:
            raise LocationError(f"{file} cannot be written: {error.strerror}") from None
        self._say(f"{len(self.read):,} entries written to {escape(str(file))}")

    def _say(self, line: str) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)


def _reasons(by_reason: dict[tuple[str, str], list[QuarantineEntry]], *, wide: bool) -> Table:
    """Tabulate the reasons by how often they were given. wide: each fact about one has its own column."""
    table = Table(title="By reason", title_justify="left")
    table.add_column("records", justify="right", no_wrap=True)
    if wide:
        table.add_column("code", no_wrap=True)
        table.add_column("reason", overflow="fold")
        table.add_column("first to last (UTC)")
        table.add_column("for example", no_wrap=True)
    else:
        table.add_column("code: reason, first to last (UTC), example", overflow="fold")
    ordered = sorted(by_reason.items(), key=lambda item: -len(item[1]))
    for (code, message), entries in ordered[:REASONS]:
        times = [entry.quarantined for entry in entries]
        span = _span(min(times), max(times))
        told = escape(code), escape(message), span, f"…{escape(entries[0].source_event_id[-EXAMPLE:])}"
        cells = told if wide else ("{}: {}\n{}, {}".format(*told),)
        table.add_row(f"{len(entries):,}", *cells)
    rest = sum(len(entries) for _, entries in ordered[REASONS:])
    if rest:
        more = f"{len(ordered) - REASONS:,} more reasons"
        table.add_row(f"{rest:,}", *(("…", more, "", "") if wide else (f"… {more}",)))
    return table


def _hours(entries: list[QuarantineEntry]) -> Table:
    table = Table(title="By the hour in which they were quarantined (UTC)", title_justify="left")
    table.add_column("hour", min_width=10)
    table.add_column("records", justify="right", no_wrap=True)
    table.add_column("codes", overflow="fold")
    hours: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        hours[f"{entry.quarantined:%Y-%m-%d %H}:00"][entry.code] += 1
    for hour, codes in sorted(hours.items()):
        named = ", ".join(f"{code} {count:,}" for code, count in codes.most_common())
        table.add_row(hour, f"{codes.total():,}", escape(named))
    return table


def _record(key: str, entry: QuarantineEntry) -> Table:
    table = Table(show_header=False, title=escape(entry.source_event_id), title_justify="left")
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for name, value in (
        ("reason", f"{entry.code}: {entry.message}"),
        ("arrived", entry.arrived.isoformat()),
        ("quarantined", entry.quarantined.isoformat()),
        ("partition key", entry.partition_key),
        ("stream", entry.event_source_arn),
        ("object", key),
        ("bytes", f"{len(entry.data):,}"),
    ):
        table.add_row(name, escape(value))
    return table


def _content(data: bytes) -> list[str]:
    """Return the data as indented JSON, else as text, else in hexadecimal; what is cut is said so."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ["It is no UTF-8:", *_hexadecimal(data[:SHOWN_BYTES]), _cut(len(data))]
    try:
        return ["It is JSON:", json.dumps(json.loads(text), indent=2, ensure_ascii=False)]
    except (ValueError, RecursionError):
        return ["It is no JSON:", repr(text[:SHOWN_BYTES]), _cut(len(text))]


def _hexadecimal(data: bytes) -> Iterator[str]:
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        plain = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        yield f"{at:06x}  {part.hex(' '):<47}  {plain}"


def _cut(length: int) -> str:
    return f"… {length - SHOWN_BYTES:,} more" if length > SHOWN_BYTES else ""


def _span(first: datetime, last: datetime) -> str:
    begin, end = f"{first:%Y-%m-%d %H:%M}", f"{last:%Y-%m-%d %H:%M}"
    return begin if begin == end else f"{begin} to {end}"
