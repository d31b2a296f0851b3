"""Rules on dangling references."""

from __future__ import annotations

from collections.abc import Iterator
from typing import override

from threeways.ops.doctor import rule
from threeways.ops.doctor.stack import Stack


class NamesNothing(rule.KinesisRule):
    """A reference names neither a resource nor a parameter."""

    id = "E9741"
    shortdesc = "A reference to what the template does not have"
    source_url = (
        "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/"
        "intrinsic-function-reference-getatt.html"
    )
    fix = "the logical id of a resource or the name of a parameter, as it is written in the template."

    @override
    def faults(self, stack: Stack) -> Iterator[rule.Fault]:
        """Yield references to missing resources and parameters."""
        for path, name in stack.dangling:
            what = f"There is no resource and no parameter {name}: the template cannot be deployed as it is."
            yield path, what
