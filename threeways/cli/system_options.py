"""What run and torture share for SYSTEM: the option, what cannot go with it, how many events there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from threeways.errors import UsageError

if TYPE_CHECKING:
    from threeways.local_run.system.declared import System as Declared
    from threeways.settings import Settings

System = Annotated[
    str | None,
    typer.Option(
        help="A system, by its folder or module: its consumers, and the join of what they say. "
        "Default: the default task alone."
    ),
]


def declared(name: str | None, **given: object) -> Declared | None:
    """Return the system that SYSTEM names, None where it names none. given: other variables, by name.

    Raises UsageError: there is no such system, or it has a join and leaves no choice of what is given.
    """
    if not name:
        return None
    from threeways.local_run.system.declared import find

    found = find(name)
    named = [variable for variable, value in given.items() if value]
    if found.join is not None and named:
        raise UsageError(
            f"SYSTEM={name} makes its own events and names its consumers: leave out "
            f"{', '.join(f'{one}=' for one in named)}"
        )
    return found


def consumers_of(system: Declared | None, consumers: str | None, settings: Settings) -> str:
    """Return the consumers of a system without a join, unless the user names tasks or a model."""
    if system is None or consumers or settings.task or settings.model_location or settings.model_bucket:
        return consumers or ""
    return " ".join(system.consumers)
