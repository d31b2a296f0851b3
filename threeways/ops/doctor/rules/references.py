"""A rule on dangling references."""

from __future__ import annotations

from collections.abc import Iterator

from threeways.ops.doctor.rule import Fault, of_stack
from threeways.ops.doctor.stack import Stack


@of_stack(
    "E9741",
    "A reference to what the template does not have",
    page="AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getatt.html",
    fix="the logical id of a resource or the name of a parameter, as it is written in the template.",
)
def names_nothing(stack: Stack) -> Iterator[Fault]:
    """A reference names neither a resource nor a parameter."""
    for path, name in stack.dangling:
        what = f"There is no resource and no parameter {name}: the template cannot be deployed as it is."
        yield Fault(path, what)
