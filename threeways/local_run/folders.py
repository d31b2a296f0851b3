"""Make the folders that runs and replays keep their logs in."""

from __future__ import annotations

import secrets
from datetime import datetime
from pathlib import Path


def new_folder(parent: Path) -> Path:
    """Make a folder of its own for a run or a replay, named for the time."""
    folder = parent / f"{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"  # noqa: DTZ005 - a name
    folder.mkdir(parents=True)
    return folder
