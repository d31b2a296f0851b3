"""What serves any task names none: no ride, no zone, no city in generic code, but names that users have."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CODE = Path(__file__).parents[1] / "threeways"
WORDS = re.compile(
    r"(?<![a-z])(rides?|zones?|new york|taxis?|trips?|tlc|pu_do|pulocationid)(?![a-z])", re.IGNORECASE
)
KEPT = ("rides_per_s", "rmse_rides", "rides_given_up", "time zone")
"""Keys of `last-run.json`, which users read by these names, and what is no place in a city."""
PLACES = ("local_run", "chaos", "ops/capacity", "ops/replay", "ops/quarantine.py", "ops/locations.py")


@pytest.mark.parametrize("place", PLACES)
def test_generic_code_names_no_domain(place: str) -> None:
    path = CODE / place
    found: dict[str, list[str]] = {}
    for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
        if file.name == "model_choice.py":
            continue
        text = file.read_text("utf-8")
        assert "threeways.systems" not in text, file
        for kept in KEPT:
            text = text.replace(kept, "")
        lines = [line for line in text.splitlines() if WORDS.search(line.replace("_", " "))]
        found |= {str(file): lines} if lines else {}
    assert found == {}
