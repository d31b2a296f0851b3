"""Run the rule pack over a template and print its findings."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from threeways.errors import TemplateError
from threeways.ops.doctor.stack import read
from threeways.ops.printing import say

if TYPE_CHECKING:
    from cfnlint.match import Match

RULES = Path(__file__).with_name("rules")
_SECTIONS = ("Parameters", "Mappings", "Conditions", "Globals", "Outputs", "Metadata")


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault. where: the path in the template. line: from 1, or None. what: what happens, and when."""

    id: str
    title: str
    where: str
    line: int | None
    what: str
    fix: str
    page: str

    @classmethod
    def of(cls, match: Match) -> Finding:
        """Return what a match of cfn-lint's tells."""
        rule, where = match.rule, "/".join(map(str, match.path or ()))
        what, _, fix = match.message.partition(" Fix: ")
        return cls(rule.id, rule.shortdesc, where, match.linenumber, what, fix, rule.source_url)


def read_template(path: Path) -> str:
    """Return a template file's text. Raises TemplateError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TemplateError(
            f"TEMPLATE={path} cannot be read: {error}. Name a CloudFormation or SAM template"
        ) from None


def examine(
    text: str, name: str, *, rate: int = 0, record_bytes: int = 1000, key_rate: int = 0
) -> list[Finding]:
    """Return the rules' findings in a template (YAML or JSON, SAM or plain CloudFormation), by line.

    name: the template's, for messages. rate: the records a second that its streams must carry, 0: unknown.
    record_bytes: their size. key_rate: the records a second of the busiest key.
    `Metadata: {cfn-lint: {config: {ignore_checks: [ID]}}}` of a resource disables a rule there. Raises
    TemplateError for an invalid template, and where nothing reads Kinesis.
    """
    from cfnlint.config import ConfigMixIn
    from cfnlint.rules import RulesCollection
    from cfnlint.runner import run_template_by_data
    from cfnlint.template import Template

    configured = {"W9712": {"rate": rate, "record_bytes": record_bytes}, "W9714": {"key_rate": key_rate}}
    try:
        document = _document(text, name)
        transformed = Template(name, deepcopy(document))
        transformed.transform()
        consumers = read(transformed.template).consumers
        rules = RulesCollection(configure_rules=configured)
        rules.create_from_directory(str(RULES))
        matches = list(run_template_by_data(document, ConfigMixIn(regions=["us-east-1"]), rules))
        _refuse(matches, name)
    except TemplateError:
        raise
    except Exception as error:  # cfn-lint raises various exceptions for malformed templates
        raise TemplateError(f"{name} cannot be read as a template: {error}") from error
    if not consumers:
        raise TemplateError(
            f"{name} has no event source mapping that reads Kinesis: name the template or stack that has"
        )
    return sorted(map(Finding.of, matches), key=lambda finding: (finding.line or 0, finding.id))


def print_findings(findings: list[Finding], name: str, console: Console, *, lines: bool = True) -> None:
    """Print the findings, each with its fix and AWS's page. lines: whether line numbers are meaningful."""
    for finding in findings:
        line = f":{finding.line}" if lines and finding.line else ""
        console.print(f"[bold]{finding.id} {finding.title}[/]", highlight=False)
        say(
            console,
            f"  {name}{line} {finding.where}",
            f"  {finding.what}",
            f"  Fix: {finding.fix}",
            f"  See: {finding.page}",
        )
    count = len(findings)
    say(console, f"{name}: {count or 'no'} finding{'s' if count != 1 else ''}")


def _document(text: str, name: str) -> dict[str, Any]:
    """Parse the template. Raises TemplateError, or TypeError where cfn-lint cannot process its shape."""
    from cfnlint.decode import decode_str

    document, matches = decode_str(text)
    _refuse(matches, name)
    if document is not None and not isinstance(document, dict):
        raise TypeError("it must be a mapping that has Resources")
    if document is None or not isinstance(document.get("Resources"), dict):
        raise TemplateError(
            f"{name} is no CloudFormation or SAM template: it has no Resources, a mapping by names"
        )
    for section in _SECTIONS:
        if not isinstance(document.get(section, {}), dict):
            raise TypeError(f"{section} must be a mapping of names, and is not")
    _name_by_text(document, "the template")
    return document


def _name_by_text(node: Any, where: str) -> None:
    """Convert integer keys to strings, in place: YAML reads `7:` as a number, CloudFormation as a name.

    Raises TypeError for keys that YAML reads as something else (`No:` is false, `2012-10-17:` a date).
    """
    if isinstance(node, list):
        for value in node:
            _name_by_text(value, where)
    if not isinstance(node, dict):
        return
    if not all(isinstance(key, str) for key in node):
        items = {str(key) if type(key) is int else key: value for key, value in node.items()}
        for key in items:
            if not isinstance(key, str):
                raise TypeError(
                    f"a key in {where} should be a string, and YAML reads it as {key!r}: put it in quotes"
                )
        node.clear()
        node.update(items)
    for key, value in node.items():
        _name_by_text(value, key)


def _refuse(matches: list[Match], name: str) -> None:
    """Raise TemplateError for cfn-lint's own errors: an unreadable template, or a rule that failed."""
    for match in matches:
        if match.rule.id.startswith("E0"):
            line = f", line {match.linenumber}" if match.linenumber else ""
            raise TemplateError(f"{name} cannot be read as a template{line}: {match.message}")
