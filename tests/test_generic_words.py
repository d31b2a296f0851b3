"""What serves any task names none: no ride, no zone, no city in generic code, but names that users have."""

from __future__ import annotations

import re
from pathlib import Path

CODE = Path(__file__).parents[1] / "threeways"
WORDS = re.compile(
    r"(?<![a-z])(rides?|zones|new york|taxis?|trips?|tlc|pu_do|pulocationid)(?![a-z])", re.IGNORECASE
)
OLDER = re.compile(
    r"rides_per_s|rmse_rides|rides_given_up|\"--rides\"|\"--no-ride\"|batch_rides|\"ride_duration\""
    r"|systems/taxi/[a-z_/]+\.py|systems\.\*\.trips|`ride_tip`|`ride-duration` for `ride_duration`"
)
"""Names that users have (keys of `last-run.json`, options, the default task), and pointers to examples."""
TABLES = ("batch/names.py", "stream/earlier_pipeline.py")
"""The one table of older names, and the names of the pipeline before this one."""


def test_generic_code_names_no_domain() -> None:
    found: dict[str, list[str]] = {}
    files = [file for kind in ("*.py", "*.html", "*.css", "*.toml") for file in CODE.rglob(kind)]
    generic = [file for file in files if "systems" not in file.parts]
    assert len(generic) > 300
    for file in generic:
        if file.relative_to(CODE).as_posix() in TABLES:
            continue
        text = OLDER.sub("", file.read_text("utf-8"))
        lines = [line for line in text.splitlines() if WORDS.search(line.replace("_", " "))]
        found |= {str(file): lines} if lines else {}
    assert found == {}


def test_generic_code_imports_no_system() -> None:
    """As the import contracts say, texts included: systems are found by name."""
    named = [
        str(file)
        for file in CODE.rglob("*.py")
        if "systems" not in file.parts and re.search(r"threeways\.systems\.\w", file.read_text("utf-8"))
    ]
    assert named == []
