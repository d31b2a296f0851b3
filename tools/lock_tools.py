"""Writes the locks of the tools, `tools/locks/*.txt`, from what `setup_tool.py` and `setup_venv.py` name.

For every platform, with the hash of every file, and no package source in them. `make lock` runs it, in
`.venv-lock`. docs.astral.sh/uv/pip/compile/
"""

from __future__ import annotations

import json
import subprocess
import sys

from setup_tool import LOCKS, TOOLS, venv_of
from setup_venv import PIPENV_VERSION, ROOT, say

FLAGS = ["--python-version", "3.13", "--generate-hashes", "--no-header", "--no-annotate"]
OF_THIS_PLATFORM = frozenset({"localstack"})
"""What has no solution for every Python and platform at once; its lock is for this machine's."""


def main() -> int:
    """Resolve each tool anew; 0 when all are written."""
    shared = json.loads((ROOT / "Pipfile.lock").read_text())["develop"]
    constraints = LOCKS / "constraints.in"
    # The certificates that a tool trusts are the ones that the project's own lock has.
    constraints.write_text(f"certifi<={shared['certifi']['version'].removeprefix('==')}\n")
    try:
        return max(locked(tool, wanted) for tool, wanted in wanted_by().items())
    finally:
        constraints.unlink()


def wanted_by() -> dict[str, list[str]]:
    """Return each lock's name with what it is made from."""
    return {"pipenv": [f"pipenv=={PIPENV_VERSION}"], **TOOLS}


def locked(tool: str, wanted: list[str]) -> int:
    """Write a tool's lock; uv's exit status."""
    uv = str(venv_of("lock") / "bin" / "uv")
    paths = ["--constraint", str(LOCKS / "constraints.in"), "--output-file", str(LOCKS / f"{tool}.txt")]
    everywhere = [] if tool in OF_THIS_PLATFORM else ["--universal"]
    command = [uv, "pip", "compile", "-", "--quiet", *everywhere, *FLAGS, *paths]
    done = subprocess.run(command, input="\n".join(wanted), text=True, cwd=LOCKS, check=False)  # noqa: S603
    say(f"{tool}: {'locked' if done.returncode == 0 else 'NOT locked'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
