"""Checks the stack's template as AWS and an auditor would: `make validate`. Nothing of it needs AWS.

SAM CLI and checkov have environments of their own, `.venv-sam` and `.venv-checkov`, for their requirements
clash with the project's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup_venv import ROOT, say

TOOLS = {"sam": "aws-sam-cli==1.170.0", "checkov": "checkov==3.3.30"}
"""Environment -> what pip installs into it."""
NOBODY = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nobody",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "SAM_CLI_TELEMETRY": "0",
}
"""SAM CLI wants a region and credentials, whose ever they are, though it asks nobody anything here."""


def main(template: str = "template.yaml") -> int:
    """Every check, one after the other; 0 when all are clean."""
    if not Path(template).is_file():
        say(f"TEMPLATE={template} is not there: name a CloudFormation or SAM template")
        return 2
    for tool in TOOLS:
        if not prepared(tool):
            return 1
    failed = [title for title, command in checks(template) if not passed(title, command)]
    say(f"validate: {', '.join(failed)} found something in {template}" if failed else "validate: all clean")
    return 1 if failed else 0


def checks(template: str) -> list[tuple[str, list[str]]]:
    """A title and a command each."""
    cfn_lint = str(Path(sys.executable).with_name("cfn-lint"))
    checkov = [str(venv("checkov") / "bin" / "checkov"), "--file", template, "--framework", "cloudformation"]
    return [
        (
            "sam validate --lint",
            [str(venv("sam") / "bin" / "sam"), "validate", "--lint", "--template", template],
        ),
        ("cfn-lint", [cfn_lint, "--include-checks", "I", "--template", template]),
        # It would fetch guidelines from its maker's site first; the checks themselves are all here.
        ("checkov", [*checkov, "--compact", "--quiet", "--skip-download"]),
        ("doctor", [sys.executable, "-m", "threeways", "doctor", "--template", template]),
    ]


def passed(title: str, command: list[str]) -> bool:
    """Run a check with its output shown."""
    say(title)
    done = subprocess.run(command, cwd=ROOT, env=os.environ | NOBODY, check=False)  # noqa: S603 - ours
    return done.returncode == 0


def venv(tool: str) -> Path:
    """The tool's environment."""
    return ROOT / f".venv-{tool}"


def prepared(tool: str) -> bool:
    """Whether its environment is there, made now if need be. Killed half-way, it is made anew."""
    ready = venv(tool) / ".ready"
    if ready.is_file() and ready.read_text() == TOOLS[tool]:
        return True
    say(f"Setting up .venv-{tool}, once: {TOOLS[tool]}; a minute")
    python = str(venv(tool) / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    making = [sys.executable, "-m", "venv", "--clear", str(venv(tool))]
    for command in (making, [*pip, TOOLS[tool]]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        if done.returncode:
            say(f"{done.stdout[-2000:]}{done.stderr[-2000:]}\nThat failed: {' '.join(command)}")
            say("No network? Behind a proxy or with a mirror, pip's own settings (pip config) are used.")
            return False
    ready.write_text(TOOLS[tool])
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
