"""`threeways destroy`: remove the stack."""

from __future__ import annotations

from rich.console import Console

from threeways.cli.deployment import Region, Stack, Yes, telling_interruption, tools
from threeways.cli.prompts import typed


def destroy(stack: Stack = None, region: Region = None, yes: Yes = False) -> None:
    """Remove the stack; its buckets stay."""
    from threeways.ops.deploy.changes import Options
    from threeways.ops.deploy.destroy import destroy as run_destroy

    console = Console(highlight=False)
    with telling_interruption():
        run_destroy(Options(stack, region, yes=yes), tools(console), console, typed)
