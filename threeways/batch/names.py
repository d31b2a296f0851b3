"""Name what a task writes: tables, and the one older name that a task's table of events may have."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The tables of a predictions database, and the table of events where TABLE= names none.

    mean: what the runs' record calls the mean prediction.
    """

    predictions: str
    quarantine: str
    runs: str
    events: str = "events"
    mean: str = "mean"


OLDER = {"ride_duration": Names("ride_predictions", "ride_quarantine", "batch_runs", "rides", "mean_minutes")}
"""A task that was there before the others: its tables and records keep their names."""
FIRST = next(iter(OLDER))
"""The task of a record that names none."""


_LONGEST = 40
"""With the longest ending it is within PostgreSQL's 63 bytes: postgresql.org/docs/current/limits.html"""


def of(task: str) -> Names:
    """Return the names of a task's tables."""
    return OLDER.get(task) or _with_endings(task)


def of_model(name: str) -> Names:
    """Return the names of the tables of a model whose signature makes the task, plain in any SQL.

    What is no ASCII letter, digit or underscore becomes an underscore. Where more than that is lost, a part
    of the name's hash stands for it. Two models may have one name then: the record of the runs tells whose
    the tables are.
    """
    ascii_letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^0-9A-Za-z_]", "_", ascii_letters).lower()
    lost = len(ascii_letters) < len(name)
    if lost or not plain.strip("_") or len(plain) > _LONGEST:
        mark = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
        plain = f"{plain[: _LONGEST - 9].strip('_')}_{mark}"
    return _with_endings(f"m{plain}" if not plain[0].isalpha() else plain)


def _with_endings(base: str) -> Names:
    return Names(f"{base}_predictions", f"{base}_quarantine", f"{base}_runs")
