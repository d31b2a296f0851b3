"""`threeways demote`: back to the model that served before."""

from __future__ import annotations

from rich.console import Console

from threeways.cli.deployment import Yes
from threeways.cli.pointer_options import Alias, Because, By, Pointer, agree, place_of, show, user
from threeways.settings import LOCAL, Settings, from_environment


def demote(
    pointer: Pointer = None,
    to: Alias = "champion",
    by: By = "",
    because: Because = None,
    yes: Yes = False,
) -> None:
    """Go back to the model that served before the last promotion, at once."""
    from threeways.ops import promote as promoting

    console, settings = Console(highlight=False, soft_wrap=True), from_environment(Settings)
    place = place_of(pointer, settings)
    agree(console, place, "the model before is to serve", yes=yes)
    show(console, place, *promoting.demote(place, by or user(), because or "demoted", to, LOCAL))
