"""What every rule has: what happens and when, the mend, the page of AWS's that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, override

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from threeways.ops.doctor.stack import Stack, read
from threeways.ops.doctor.values import Path

type Fault = tuple[Path, str]
"""Where, and what happens when: one or more sentences."""


class KinesisRule(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint ships no type information
    """A rule of the pack; its docstring says what happens, and is cfn-lint's `description`.

    id: E where records can be lost or a shard stands still, W for delay, cost and trust. shortdesc: what it
    looks for. mend: what to write instead. source_url: AWS's page.
    """

    tags = ("kinesis", "lambda")
    mend: str = ""

    def __init_subclass__(cls) -> None:
        """Take the docstring for cfn-lint."""
        cls.description = cls.__doc__

    def faults(self, stack: Stack) -> Iterator[Fault]:
        """The places where it holds."""
        raise NotImplementedError

    @override
    def match(self, cfn: Template) -> list[RuleMatch]:
        """For cfn-lint."""
        return [
            RuleMatch(path, f"{what} Mend: {self.mend}") for path, what in self.faults(read(cfn.template))
        ]

    def setting(self, name: str) -> Any:
        """One of its own settings, as cfn-lint configures rules: `-x ID:name=value`."""
        return self.config.get(name, self.config_definition[name]["default"])
