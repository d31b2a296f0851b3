"""What was answered at the first deployment, kept in `samconfig.toml` so that `sam` reads it too.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-cli-config.html
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from threeways import project
from threeways.atomic_files import write_atomic
from threeways.errors import UsageError
from threeways.ops.deploy import parameters

FILE = project.ROOT / "samconfig.toml" if project.IS_CHECKOUT else Path("samconfig.toml")
MARK = "# Written by `make deploy`, which asks again once this is gone. SAM CLI reads it, too."
ASKED = ("Architecture", "StreamMode", "ShardCount", "AlarmTopicArn")
"""The parameters that the first deployment asks for; the others have defaults that rarely change."""
_STACK = re.compile("[A-Za-z][A-Za-z0-9-]{0,127}")

type Ask = Callable[[str, str], str]
"""Asks a question with a default; the answer."""


@dataclass(frozen=True)
class Answers:
    """Which stack, where, and how.

    parameters: those of the template that were chosen. repository: an ECR repository's URI, None for the
    stack's own.
    """

    stack: str
    region: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    repository: str | None = None


def load(path: Path = FILE) -> Answers | None:
    """Return the answers that are kept; None where there are none. Raises UsageError."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {error}; mend or remove it") from None
    commands = document.get("default", {})
    of_all, of_deploy = (commands.get(name, {}).get("parameters", {}) for name in ("global", "deploy"))
    said: dict[str, Any] = {**of_all, **of_deploy}
    if not said.get("stack_name"):
        raise UsageError(f"{path} names no stack_name for `deploy`: add it, or remove the file")
    overrides = said.get("parameter_overrides", [])
    return Answers(
        check_stack(str(said["stack_name"])),
        str(said.get("region", "")),
        parameters.given(overrides),
        said.get("image_repository"),
    )


def save(answers: Answers, path: Path = FILE, *, is_further: bool = False) -> str | None:
    """Keep the answers; where the file is left as it is, why.

    is_further: the stack is a further consumer of another's stream, whose answers are not to be replaced.
    """
    if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
        return "is not of `make deploy`'s making"
    if is_further and path.exists() and (found := load(path)) and found.stack != answers.stack:
        return f"has the answers for {found.stack}"
    chosen = [f'{name}="{value}"' for name, value in sorted(answers.parameters.items())]
    lines = [
        MARK,
        "version = 0.1",
        "[default.global.parameters]",
        f"stack_name = {json.dumps(answers.stack)}",
        f"region = {json.dumps(answers.region)}",
        "[default.deploy.parameters]",
        'capabilities = "CAPABILITY_IAM"',
        *([f"image_repository = {json.dumps(answers.repository)}"] if answers.repository else []),
        f"parameter_overrides = {json.dumps(chosen)}",
    ]
    write_atomic(path, ("\n".join(lines) + "\n").encode())
    return None


def guided(ask: Ask, region: str, architecture: str, document: Mapping[str, Any]) -> Answers:
    """Return the answers to the first deployment's questions; each is asked until it can be used.

    region, architecture: what is proposed.
    """
    stack = _until(ask, "Name of the stack", "three-ways", check_stack)
    region = _until(ask, "AWS region", region, check_region)
    proposed = {**parameters.defaults(document), "Architecture": architecture}
    chosen: dict[str, str] = {}
    for name in ASKED:
        if name == "ShardCount" and chosen["StreamMode"] == "ON_DEMAND":
            continue
        body = document["Parameters"][name]

        def checked(value: str, name: str = name) -> str:
            parameters.check(document, {name: value})
            return value

        chosen[name] = _until(ask, f"{name} ({body['Description']})", proposed[name], checked)
    return Answers(stack, region, {name: value for name, value in chosen.items() if value})


def _until(ask: Ask, question: str, default: str, check: Callable[[str], str]) -> str:
    while True:
        answer = (
            ask(question, default).strip() or default
        )  # what it raises, such as no terminal, is passed on
        try:
            return check(answer)
        except UsageError as error:
            question = f"{error}\n{question}"


def check_stack(name: str) -> str:
    """Return a stack's name, if it can be one. Raises UsageError."""
    if not _STACK.fullmatch(name):
        raise UsageError(f"{name!r} is no stack's name: letters, digits and hyphens, a letter first")
    return name


def check_region(name: str) -> str:
    """Return a region's name, if it looks like one. Raises UsageError."""
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-\d", name):
        raise UsageError(f"{name!r} is no AWS region: set AWS_REGION or REGION=, such as eu-central-1")
    return name
