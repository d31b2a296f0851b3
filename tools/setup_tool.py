"""Sets up a tool in an environment of its own: `setup_tool.py sam` makes `.venv-sam`. Standard library only.

These tools' own requirements clash with the project's, and none of them is needed but for what names it.
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
    # The last version that runs without a token; the others are what it still works with.
    "localstack": [
        "localstack-core[runtime]==4.14.0", "pyopenssl==25.1.0", "cryptography<46", "cbor2<5.8",
        "service-identity",
    ],
}  # fmt: skip
"""Tool -> what pip installs for it."""


def venv_of(tool: str) -> Path:
    """The tool's environment."""
    return ROOT / f".venv-{tool}"


def is_ready(tool: str) -> bool:
    """Whether it was made for exactly these requirements."""
    mark = venv_of(tool) / ".ready"
    return mark.is_file() and mark.read_text() == "\n".join(TOOLS[tool])


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
            [str(python), "-m", "pip", "install", *TOOLS[tool]],
        ):
            if run(command, venv_of(tool)) != 0:
                tail = "\n".join(LOG.read_text(errors="replace").splitlines()[-15:])
                say(f"{tail}\n\nThat failed: {' '.join(command)}\nIts whole output is in {LOG}.")
                say("No network? Behind a proxy or with a mirror, pip's own settings (pip config) are used.")
                return 1
        (venv_of(tool) / ".ready").write_text("\n".join(TOOLS[tool]))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("interrupted; run it again to go on")
        sys.exit(130)
