"""Checks the stack's template as AWS and an auditor would: `make validate`. Nothing of it needs AWS.

SAM CLI and checkov have environments of their own, which `setup_tool.py` makes.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from setup_tool import venv_of
from setup_venv import ROOT, say

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
    failed = [title for title, command in checks(template) if not passed(title, command)]
    say(f"validate: {', '.join(failed)} found something in {template}" if failed else "validate: all clean")
    return 1 if failed else 0


def checks(template: str) -> list[tuple[str, list[str]]]:
    """A title and a command each."""
    cfn_lint = str(Path(sys.executable).with_name("cfn-lint"))
    checkov = [
        str(venv_of("checkov") / "bin" / "checkov"),
        "--file",
        template,
        "--framework",
        "cloudformation",
    ]
    return [
        (
            "sam validate --lint",
            [str(venv_of("sam") / "bin" / "sam"), "validate", "--lint", "--template", template],
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


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
