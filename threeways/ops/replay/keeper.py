"""What a replay on this machine brought about, kept when the emulator is gone."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from threeways.atomic_files import write_atomic
from threeways.errors import LocationError
from threeways.ops.replay.proof import Found


class Keeper:
    """Writes what a replay on this machine brought about beside the folder that it read.

    predictions: JSON lines, as on the output stream. quarantine: a folder, as `make run` leaves one.
    """

    def __init__(self, folder: Path, stamp: str) -> None:
        self.predictions = folder / f"replayed-{stamp}.jsonl"
        self.quarantine = folder / "quarantine"
        self._stamp = stamp
        self._rounds = 0

    def __call__(self, found: Found) -> None:
        """Write one round's; it is on the disk when this returns. Raises LocationError where it cannot be."""
        self._rounds += 1
        try:
            if found.predicted:
                with self.predictions.open("ab") as file:
                    file.writelines(line + b"\n" for line in found.predicted.values())
                    file.flush()
                    os.fsync(file.fileno())
            if found.quarantined:
                self.quarantine.mkdir(exist_ok=True)
                body = msgspec.json.Encoder().encode_lines(list(found.quarantined.values()))
                write_atomic(self.quarantine / f"replayed-{self._stamp}-{self._rounds}.jsonl", body)
        except OSError as error:
            raise LocationError(
                f"what was scored cannot be kept in {error.filename or self.predictions}: {error.strerror}. "
                "Mend that (permissions, room on the disk), and run it again: nothing was removed"
            ) from None
