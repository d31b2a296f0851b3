"""Run the rule pack over a template and print its findings."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from threeways.errors import TemplateError
from threeways.ops.doctor.stack import Stack, read

if TYPE_CHECKING:
    from cfnlint.match import Match
    from cfnlint.rules import RulesCollection

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
    from cfnlint.runner import run_template_by_data

    document = _document(text, name)
    try:
        consumers = _read(deepcopy(document), name).consumers
        rules, configuration = _rules(rate, record_bytes, key_rate), ConfigMixIn(regions=["us-east-1"])
        matches = list(run_template_by_data(document, configuration, rules))
    except Exception as error:  # cfn-lint raises various exceptions for malformed templates
        raise TemplateError(f"{name} cannot be read as a template: {error}") from error
    _refuse(matches, name)
    if not consumers:
        raise TemplateError(
            f"{name} has no event source mapping that reads Kinesis: name the template or stack that has"
        )
    return sorted(map(_finding, matches), key=lambda finding: (finding.line or 0, finding.id))


def print_findings(findings: list[Finding], name: str, console: Console, *, lines: bool = True) -> None:
    """Print the findings, each with its fix and AWS's page. lines: whether line numbers are meaningful."""
    for finding in findings:
        line = f":{finding.line}" if lines and finding.line else ""
        console.print(f"[bold]{finding.id} {finding.title}[/]", highlight=False)
        for text in (
            f"{name}{line} {finding.where}",
            finding.what,
            f"Fix: {finding.fix}",
            f"See: {finding.page}",
        ):
            console.print(f"  {text}", markup=False, highlight=False, soft_wrap=True)
    count = len(findings)
    console.print(
        f"{name}: {count} finding{'s' if count != 1 else ''}" if count else f"{name}: no findings",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _rules(rate: int, record_bytes: int, key_rate: int) -> RulesCollection:
    from cfnlint.rules import RulesCollection

    configured = {
        "W9712": {"rate": rate, "record_bytes": record_bytes},
        "W9714": {"key_rate": key_rate},
    }
    rules = RulesCollection(configure_rules=configured)
    rules.create_from_directory(str(RULES))
    return rules


def _document(text: str, name: str) -> dict[str, Any]:
    """Parse the template and check that cfn-lint can process its shape. Raises TemplateError."""
    from cfnlint.decode import decode_str

    document, matches = decode_str(text)
    _refuse(matches, name)
    if document is not None and not isinstance(document, dict):
        raise TemplateError(f"{name} cannot be read as a template: it must be a mapping that has Resources")
    if document is None or not isinstance(document.get("Resources"), dict):
        raise TemplateError(
            f"{name} is no CloudFormation or SAM template: it has no Resources, a mapping by names"
        )
    for section in _SECTIONS:
        if not isinstance(document.get(section, {}), dict):
            raise TemplateError(
                f"{name} cannot be read as a template: {section} must be a mapping of names, and is not"
            )
    _name_by_text(document, name, "the template")
    return document


def _name_by_text(node: Any, name: str, where: str) -> None:
    """Convert integer keys to strings, in place: YAML reads `7:` as a number, CloudFormation as a name.

    Raises TemplateError for keys that YAML reads as something else (`No:` is false, `2012-10-17:` a date).
    """
    if isinstance(node, list):
        for value in node:
            _name_by_text(value, name, where)
    if not isinstance(node, dict):
        return
    if not all(isinstance(key, str) for key in node):
        items = {str(key) if type(key) is int else key: value for key, value in node.items()}
        for key in items:
            if not isinstance(key, str):
                raise TemplateError(
                    f"{name} cannot be read as a template: a key in {where} should be a string, and YAML "
                    f"reads it as {key!r}: put it in quotes"
                )
        node.clear()
        node.update(items)
    for key, value in node.items():
        _name_by_text(value, name, key)


def _read(document: dict[str, Any], name: str) -> Stack:
    from cfnlint.template import Template

    template = Template(name, document)
    template.transform()
    return read(template.template)


def _refuse(matches: list[Match], name: str) -> None:
    """Raise TemplateError for cfn-lint's own errors: an unreadable template, or a rule that failed."""
    for match in matches:
        if match.rule.id.startswith("E0"):
            line = f", line {match.linenumber}" if match.linenumber else ""
            raise TemplateError(f"{name} cannot be read as a template{line}: {match.message}")


def _finding(match: Match) -> Finding:
    rule = match.rule
    what, _, fix = match.message.partition(" Fix: ")
    return Finding(
        rule.id,
        rule.shortdesc,
        "/".join(map(str, match.path or ())),
        match.linenumber,
        what,
        fix,
        rule.source_url,
    )
