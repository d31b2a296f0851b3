"""The account of a replay."""

from __future__ import annotations

import msgspec
from rich.console import Console
from rich.table import Table

from threeways.ops.printing import say


class ReplayLedger(msgspec.Struct, kw_only=True):
    """read = predicted + without_messages + quarantined + unfinished + lost, in events.

    User records count on their own. predicted, quarantined: read back from the output stream and from
    quarantine. without_messages: the function was done with them, and their task makes no message of them.
    unfinished: the function was not done with them. lost: it said it was, and they are in neither. gone:
    Kinesis records that a failure document only names, and that the stream no longer holds. unreadable,
    not_opened: objects; the latter after Ctrl-C (interrupted). removed: objects whose every event was read
    back; the function may have replaced one itself.
    """

    objects: int = 0
    removed: int = 0
    unreadable: int = 0
    not_opened: int = 0
    read: int = 0
    predicted: int = 0
    without_messages: int = 0
    quarantined: int = 0
    unfinished: int = 0
    lost: int = 0
    gone: int = 0
    interrupted: bool = False

    @property
    def complete(self) -> bool:
        """Whether everything that lay there is predicted or in quarantine, and removed."""
        left = self.unfinished or self.lost or self.gone or self.unreadable or self.not_opened
        return not left and self.removed == self.objects


_COUNTS = {
    "read": "events, each once",
    "predicted": "found on the output stream, or of a join in its table",
    "without_messages": "the function made no message of them",
    "quarantined": "found in quarantine again, with the reason of today",
    "unfinished": "the function was not done with them: they stay where they were",
    "lost": "neither, though the function was done with them: they stay where they were",
    "gone": "records that a failure document names and their stream no longer holds",
    "unreadable": "objects that are neither quarantine's nor a failure document's",
    "not_opened": "objects that were left for the next time",
}


def show(console: Console, ledger: ReplayLedger) -> None:
    """Print the account as a table."""
    table = Table(title="Ledger: where every event is", title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    table.add_column(style="dim")
    for name, note in _COUNTS.items():
        count, is_good = (
            getattr(ledger, name),
            name in ("read", "predicted", "without_messages", "quarantined"),
        )
        if count or (is_good and name != "without_messages") or name in ("unfinished", "lost"):
            style = "bold red" if count and not is_good else ""
            row = name.replace("_", " "), f"{count:,}", note
            table.add_row(*row, style=style, end_section=name == "read")
    console.print(table)
    say(console, f"{ledger.removed:,} of {ledger.objects:,} objects are done with and removed")
    if not ledger.complete:
        say(console, "What is left can be replayed again with the same command.")
