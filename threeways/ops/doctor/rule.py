"""The base class of the rules: what happens and when, the fix, and AWS's page about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from threeways.ops.doctor.stack import Stack, read
from threeways.ops.doctor.values import Path

type Fault = tuple[Path, str]
"""The path, and what happens when, in one or more sentences."""


class KinesisRule(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint ships no type information
    """A rule of the pack; its docstring says what happens, and is cfn-lint's `description`.

    id: E where records can be lost or a shard is blocked, W for delay, cost and security. shortdesc: what it
    looks for. fix: what to write instead. source_url: AWS's page.
    """

    tags = ("kinesis", "lambda")
    fix: str = ""

    def __init_subclass__(cls) -> None:
        """Set cfn-lint's description from the docstring."""
        cls.description = cls.__doc__

    def faults(self, stack: Stack) -> Iterator[Fault]:
        """Yield the places of faults in a template."""
        raise NotImplementedError

    @override
    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the faults as cfn-lint's matches."""
        return [RuleMatch(path, f"{what} Fix: {self.fix}") for path, what in self.faults(read(cfn.template))]

    def setting(self, name: str) -> Any:
        """Return one of the rule's settings, as cfn-lint configures rules: `-x ID:name=value`."""
        return self.config.get(name, self.config_definition[name]["default"])
