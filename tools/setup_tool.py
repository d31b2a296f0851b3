"""Sets up a tool in an environment of its own: `setup_tool.py sam` makes `.venv-sam`. Standard library only.

These tools' own requirements clash with the project's, and none of them is needed but for what names it.
Each is installed from its lock, `tools/locks/<tool>.txt`, every file by hash; `lock_tools.py` writes those.
Safe to run twice at once and to kill half-way, as `setup_venv.py` is.
"""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path

from setup_venv import LOG, ROOT, run, say

TOOLS = {
    "sam": ["aws-sam-cli==1.170.0"],
    "checkov": ["checkov==3.3.30"],
    "workflows": ["zizmor==1.32.0", "check-jsonschema==0.39.0"],
    "audit": ["cyclonedx-bom==7.5.0", "pip-audit==2.10.1"],
    "lock": ["uv==0.13.9"],
    # The last version that runs without a token; the others are what it still works with.
    "localstack": [
        "localstack-core[runtime]==4.14.0", "pyopenssl==25.1.0", "cryptography<46", "cbor2<5.8",
        "service-identity",
    ],
}  # fmt: skip
"""Tool -> what its lock is made from."""
LOCKS = ROOT / "tools" / "locks"


def venv_of(tool: str) -> Path:
    """The tool's environment."""
    return ROOT / f".venv-{tool}"


def is_ready(tool: str) -> bool:
    """Whether it was made from the lock as it is."""
    mark = venv_of(tool) / ".ready"
    return mark.is_file() and mark.read_text() == (LOCKS / f"{tool}.txt").read_text()


def installing(python: Path, lock: Path) -> list[str]:
    """Return the command that installs a lock: each file is checked by its hash.

    Wheels only, so that no package's code runs, but for LocalStack's, some of which there is as source alone.
    """
    flags = ["--require-hashes", "--no-deps", *([] if lock.stem == "localstack" else ["--only-binary=:all:"])]
    return [str(python), "-m", "pip", "install", *flags, "--requirement", str(lock)]


def main(arguments: list[str]) -> int:
    """Make a tool's environment; 0 when it is ready."""
    if len(arguments) != 1 or arguments[0] not in TOOLS:
        say(f"usage: setup_tool.py {'|'.join(TOOLS)}")
        return 2
    tool = arguments[0]
    LOG.parent.mkdir(exist_ok=True)
    with (LOG.parent / f"setup-{tool}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(tool):
            (venv_of(tool) / ".ready").touch()  # newer than this file, which is what make looks at
            return 0
        python = venv_of(tool) / "bin" / "python"
        say(f"Setting up {venv_of(tool).name}, once: {TOOLS[tool][0]}; a minute")
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(venv_of(tool))],
            installing(python, LOCKS / f"{tool}.txt"),
        ):
            if run(command, venv_of(tool)) != 0:
                tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
                say(f"{tail}\n\nThat failed: {' '.join(command)}\nIts whole output is in {LOG}.")
                say("No network? Behind a proxy or with a mirror, pip's own settings (pip config) are used.")
                return 1
        (venv_of(tool) / ".ready").write_text((LOCKS / f"{tool}.txt").read_text())
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted; run it again to go on")
        sys.exit(130)
