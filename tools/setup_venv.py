"""Set up `.venv` from Pipfile.lock: what `make setup` runs. Standard library only, Python 3.13.

Safe to run twice at once (the second waits) and to kill half-way (the next one goes on from there).
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
READY = VENV / ".ready"
PYTHON = VENV / "bin" / "python"
LOG = ROOT / ".local" / "setup.log"
CATEGORIES = "packages sklearn dev-packages web"
PIPENV_VERSION = "2026.10.3"
PIPENV = ROOT / "tools" / "locks" / "pipenv.txt"
"""pipenv and all that it needs, each file by its hash; `make lock` writes it."""


def main() -> int:
    """Make the environment; 0 when it is ready."""
    LOG.parent.mkdir(exist_ok=True)
    with (LOG.parent / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another make is setting up .venv: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready():
            return 0
        say(f"Setting up .venv with Python {sys.version.split()[0]}: a minute or two, once")
        LOG.write_text("")
        for title, command in steps():
            say(f"  {title}")
            if run(command) != 0:
                tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
                say(f"{tail}\n\nThat step failed: {' '.join(command)}\nIts whole output is in {LOG}.")
                say("No network? Behind a proxy or with a mirror, pip's own settings (pip config) are used.")
                return 1
        READY.touch()
    return 0


def is_ready() -> bool:
    """Whether the environment was made from the Pipfile.lock that is here now."""
    newest = max(path.stat().st_mtime for path in (ROOT / "Pipfile", ROOT / "Pipfile.lock"))
    return READY.exists() and READY.stat().st_mtime >= newest


def steps() -> list[tuple[str, list[str]]]:
    """What is to be done: a title and a command each."""
    works = [str(PYTHON), "-c", ""]
    made = PYTHON.exists() and subprocess.run(works, check=False).returncode == 0  # noqa: S603 - ours
    venv = [("a virtual environment", [sys.executable, "-m", "venv", "--clear", str(VENV)])]
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    sections = ("default", "sklearn", "develop", "web")
    count = len({name for section in sections for name in lock.get(section, {})})
    return [
        *([] if made else venv),
        (
            f"pipenv {PIPENV_VERSION}",
            [
                str(PYTHON),
                "-m",
                "pip",
                "install",
                "--require-hashes",
                "--no-deps",
                "--requirement",
                str(PIPENV),
            ],
        ),
        (
            f"the {count} packages of Pipfile.lock",
            [str(PYTHON), "-m", "pipenv", "sync", "--categories", CATEGORIES],
        ),
    ]


def run(command: list[str], venv: Path = VENV) -> int:
    """Run a command with its output in the log, telling now and then how many packages `venv` has."""
    settings = {
        "PIPENV_IGNORE_VIRTUALENVS": "1",
        "PIPENV_VENV_IN_PROJECT": "1",
        "PIPENV_NOSPIN": "1",
        "PIPENV_VERBOSITY": "-1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    with LOG.open("a") as log:
        process = subprocess.Popen(  # noqa: S603 - the commands are the ones above
            command, cwd=ROOT, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            told = time.monotonic()
            while process.poll() is None:
                time.sleep(0.2)
                if time.monotonic() - told > 10:
                    told = time.monotonic()
                    say(f"    {len(list(venv.glob('lib/*/site-packages/*.dist-info')))} packages are there")
        finally:
            process.terminate()
            process.wait()
    return process.returncode


def say(line: str) -> None:
    """A line for the user."""
    print(line, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        say("interrupted; run it again to go on")
        sys.exit(130)
