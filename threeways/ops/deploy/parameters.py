"""The template's parameters: their defaults, and values held against what the template allows.

docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from threeways import project
from threeways.aws.cloudformation.document import parse
from threeways.errors import UsageError

OURS = ("ModelLocation", "ModelSha256", "RunId")
"""The parameters that `MODEL=` decides."""
TEMPLATE, JOIN_TEMPLATE = project.ROOT / "template.yaml", project.ROOT / "join.yaml"

SOURCE = ("InputStreamArn", "EnhancedFanOut", "EventsStreamArn", "VerdictsStreamArn")
"""The parameters that decide what the mapping reads. Another source is another mapping:
docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html"""
ANEW = (
    " (another mapping: it begins at the oldest event that the stream has, and scores what was scored again)"
)

LONGEST_SHOWN = 200
"""Of a value, in characters; an ARN is shorter."""

type Document = dict[str, Any]
"""A template with its intrinsic functions in their long form."""


def template(path: Path = TEMPLATE) -> Document:
    """Return the template of this checkout."""
    document: Document = parse(path.read_text(encoding="utf-8"))
    return document


def defaults(document: Mapping[str, Any]) -> dict[str, str]:
    """Each parameter's default, as CloudFormation takes it: a text."""
    return {name: str(body["Default"]) for name, body in document["Parameters"].items() if "Default" in body}


def given(words: str | Iterable[str]) -> dict[str, str]:
    """`Name=value` words, as a user or `samconfig.toml` has them. Raises UsageError."""
    try:
        parts = shlex.split(words) if isinstance(words, str) else [shlex.split(word) for word in words]
    except ValueError as error:
        raise UsageError(f"PARAMETERS={words!r} cannot be read: {error}") from None
    found = {}
    for part in parts:
        word = part if isinstance(part, str) else "".join(part)
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise UsageError(f"{word!r} is no parameter: write Name=value, with spaces between several")
        found[name] = value
    return found


def check(document: Mapping[str, Any], values: Mapping[str, str]) -> None:
    """Raise UsageError, one line for each value that the template does not allow, or does not know."""
    declared = document["Parameters"]
    faults = [
        f"{name}: the template has no such parameter; it has {', '.join(declared)}"
        for name in values
        if name not in declared
    ]
    faults += [
        f"{name}: it has no default, and no value was given"
        for name, body in declared.items()
        if "Default" not in body and name not in values
    ]
    for name, value in values.items():
        fault = name in declared and _fault(declared[name], value)
        if fault:
            faults.append(f"{name}={value}: {fault}. {declared[name].get('Description', '')}".rstrip())
    if faults:
        raise UsageError("parameters cannot be used:\n  " + "\n  ".join(faults))


def changed(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return a line for each parameter that was there before and gets another value."""
    return [
        f"  change {name}: {_shown(before[name])} -> {_shown(value)}{ANEW if name in SOURCE else ''}"
        for name, value in after.items()
        if before.get(name, value) != value
    ]


def _shown(value: str) -> str:
    """Return a value for a line; of a packed one its beginning."""
    return f"{value[:20]}… ({len(value):,} characters)" if len(value) > LONGEST_SHOWN else value or "none"


def _fault(body: Mapping[str, Any], value: str) -> str | None:
    """Why CloudFormation would refuse a value; None where it takes it."""
    if "AllowedValues" in body and value not in [str(one) for one in body["AllowedValues"]]:
        return f"give one of {', '.join(str(one) or 'nothing' for one in body['AllowedValues'])}"
    pattern = body.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return str(body.get("ConstraintDescription") or f"it does not match {pattern}")
    if len(value) > body.get("MaxLength", len(value)):
        return f"give {body['MaxLength']} characters at most"
    if body["Type"] != "Number":
        return None
    try:
        number = float(value)
    except ValueError:
        return "give a number"
    if not body.get("MinValue", number) <= number <= body.get("MaxValue", number):
        return f"give {body.get('MinValue', 'anything')} to {body.get('MaxValue', 'anything')}"
    return None
