"""Make cfn-lint rules of functions: what happens and when, the fix, and AWS's page about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, override

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.template import Template

from threeways.ops.doctor.stack import Consumer, Stack, read
from threeways.ops.doctor.values import Path

AWS = "https://docs.aws.amazon.com/"


class Fault(NamedTuple):
    """A fault. path: in the template. what: what happens when, in one or more sentences."""

    path: Path
    what: str


class KinesisRule(CloudFormationLintRule):  # type: ignore[misc]  # cfn-lint ships no type information
    """A rule of the pack.

    id: E where records can be lost or a shard is blocked, W for delay, cost and security. shortdesc: what it
    looks for. description: what happens. fix: what to write instead. source_url: AWS's page. settings: the
    names of its settings (`-x ID:name=value`) and their defaults. faults: yields a stack's faults; is given
    the settings by name.
    """

    tags = ("kinesis", "lambda")
    fix: str
    settings: Mapping[str, int]
    faults: Callable[..., Iterator[Fault]]

    def __init__(self) -> None:
        super().__init__()
        self.config_definition = {
            name: {"default": default, "type": "integer"} for name, default in self.settings.items()
        }
        self.configure()

    @override
    def match(self, cfn: Template) -> list[RuleMatch]:
        """Return the faults as cfn-lint's matches."""
        settings = {name: self.config[name] for name in self.settings}
        faults = self.faults(read(cfn.template), **settings)
        return [RuleMatch(fault.path, f"{fault.what} Fix: {self.fix}") for fault in faults]


def of_stack(
    rule_id: str, title: str, *, page: str, fix: str, **settings: int
) -> Callable[[Callable[..., Iterator[Fault]]], type[KinesisRule]]:
    """Make a rule of a function that yields a stack's faults; its docstring says what happens.

    page: below AWS. settings: see KinesisRule.
    """

    def made(faults: Callable[..., Iterator[Fault]]) -> type[KinesisRule]:
        attributes = {
            "id": rule_id, "shortdesc": title, "description": faults.__doc__, "source_url": AWS + page,
            "fix": fix, "settings": settings, "faults": staticmethod(faults),
        }  # fmt: skip
        return type(faults.__name__, (KinesisRule,), attributes)

    return made


def of_consumer(
    rule_id: str, title: str, *, page: str, fix: str, at: str = "", what: str = ""
) -> Callable[[Callable[[Consumer, Stack], bool | str | None]], type[KinesisRule]]:
    """Make a rule of a function that looks for a fault of a consumer; its docstring says what happens.

    at: the setting of the mapping that is at fault; "": the mapping itself. what: what happens when, in
    sentences; "": the function returns them itself.
    """

    def made(find: Callable[[Consumer, Stack], bool | str | None]) -> type[KinesisRule]:
        def faults(stack: Stack) -> Iterator[Fault]:
            for consumer in stack.consumers:
                if found := find(consumer, stack):
                    yield Fault(consumer.at(at), what or str(found))

        faults.__name__, faults.__doc__ = find.__name__, find.__doc__
        return of_stack(rule_id, title, page=page, fix=fix)(faults)

    return made
