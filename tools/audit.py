"""Asks for known vulnerabilities of every locked package, the images' and the tools': `make audit`.

pip-audit asks the package index. One that says nothing of vulnerabilities (a mirror) makes pip-audit skip
each package and end well, so that is status 3 here, and said loudly. github.com/pypa/pip-audit
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from requirements import requirements
from setup_tool import LOCKS, venv_of
from setup_venv import ROOT, say

CLEAN, FOUND, NOT_AUDITED = 0, 1, 3
FLAGS = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]


def main() -> int:
    """Audit each lock; 0 clean, 1 vulnerabilities found, 3 where anything could not be asked about."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for section in (name for name in lock if name != "_meta" and lock[name]):
            files.append(Path(folder) / f"{section}.txt")
            files[-1].write_text(requirements({section: lock[section]}, section))
        worst = CLEAN
        for file in (*files, *sorted(LOCKS.glob("*.txt"))):
            found = told(file.stem, *audited(file))
            if found == NOT_AUDITED:
                return found  # an index that tells nothing of one tells nothing of the others
            worst = max(worst, found)
        return worst


def audited(file: Path) -> tuple[dict[str, Any] | None, str]:
    """Return pip-audit's report on a file of requirements, None where it has none, and what it complained."""
    command = [str(venv_of("audit") / "bin" / "pip-audit"), *FLAGS, "--requirement", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    try:
        return json.loads(done.stdout), done.stderr
    except ValueError:
        return None, done.stderr


def told(name: str, report: dict[str, Any] | None, complaint: str) -> int:
    """Tell of a lock what was found; the exit status that it is."""
    if report is None:
        say(f"NOT AUDITED: {name}: {(complaint.strip().splitlines() or ['pip-audit says nothing'])[-1]}")
        return NOT_AUDITED
    skipped = [one for one in report["dependencies"] if "skip_reason" in one]
    bad = [(one, fault) for one in report["dependencies"] for fault in one.get("vulns", [])]
    for one, fault in bad:
        mends = ", ".join(fault["fix_versions"]) or "none yet"
        say(f"{name}: {one['name']} {one['version']}: {fault['id']}, mended in {mends}")
    if bad:
        return FOUND
    if skipped:
        of = f"{len(skipped)} of {len(report['dependencies'])} packages"
        say(f"NOT AUDITED: {name}: {of}, of which the package index tells no vulnerabilities (a mirror?).")
        say("    Run `make audit` where pip has another.")
        return NOT_AUDITED
    say(f"{name}: {len(report['dependencies'])} packages, no known vulnerability")
    return CLEAN


if __name__ == "__main__":
    sys.exit(main())
