"""Checks the stack's template and GitHub's workflows as AWS, GitHub and an auditor would: `make validate`.

Nothing of it needs AWS or GitHub. SAM CLI, checkov and the workflows' tools have environments of their own,
which `setup_tool.py` makes.
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


OURS = ("template.yaml", "join.yaml")
"""The stacks that `make deploy` makes."""


def main(*given: str) -> int:
    """Every check, one after the other; 0 when all are clean. given: a template, instead of OURS."""
    templates = given or OURS
    for template in templates:
        if not Path(template).is_file():
            say(f"TEMPLATE={template} is not there: name a CloudFormation or SAM template")
            return 2
    chosen = [check for template in templates for check in checks(template)] + (
        [] if given else of_workflows()
    )
    failed = [title for title, command in chosen if not passed(title, command)]
    say(f"validate: {', '.join(failed)} found something" if failed else "validate: all clean")
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
            f"sam validate --lint {template}",
            [str(venv_of("sam") / "bin" / "sam"), "validate", "--lint", "--template", template],
        ),
        (f"cfn-lint {template}", [cfn_lint, "--include-checks", "I", "--template", template]),
        # It would fetch guidelines from its maker's site first; the checks themselves are all here.
        (f"checkov {template}", [*checkov, "--compact", "--quiet", "--skip-download"]),
        (f"doctor {template}", [sys.executable, "-m", "threeways", "doctor", "--template", template]),
    ]


def of_workflows() -> list[tuple[str, list[str]]]:
    """The same for .github/: GitHub's own schema of a workflow, and zizmor's audits of its security."""
    tools = venv_of("workflows") / "bin"
    files = sorted(str(path) for path in (ROOT / ".github" / "workflows").glob("*.yml"))
    schema = [str(tools / "check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *files]
    return [
        ("check-jsonschema", schema),
        ("zizmor", [str(tools / "zizmor"), "--offline", "--quiet", "--no-progress", ".github"]),
    ]


def passed(title: str, command: list[str]) -> bool:
    """Run a check with its output shown."""
    say(title)
    done = subprocess.run(command, cwd=ROOT, env=os.environ | NOBODY, check=False)  # noqa: S603 - ours
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or filter(None, [os.environ.get("TEMPLATE")]))))
