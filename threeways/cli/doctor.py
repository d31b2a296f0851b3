"""`threeways doctor`: examine a template or a deployed stack."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from threeways.cli.errors import FAILED
from threeways.errors import UsageError


def doctor(
    template: Annotated[Path | None, typer.Option(help="A template; default: template.yaml.")] = None,
    stack: Annotated[str | None, typer.Option(help="A deployed stack, by name or ARN, instead.")] = None,
    rate: Annotated[int, typer.Option(min=0, help="Records a second that its streams must carry.")] = 0,
    record_bytes: Annotated[int, typer.Option(min=1, help="How large those records are.")] = 1000,
    key_rate: Annotated[int, typer.Option(min=0, help="Records a second of the key that has most.")] = 0,
) -> None:
    """Find what will bite a consumer of Kinesis in a template or a deployed stack; exit status 1 if any."""
    from threeways.ops import account
    from threeways.ops.doctor import awaited
    from threeways.ops.doctor.check import examine, print_findings, read_template
    from threeways.ops.doctor.deployed import fetch

    if template and stack:
        raise UsageError("name a TEMPLATE or a STACK, not both")
    console = Console(soft_wrap=True)
    if stack:
        console.out(f"Reading {stack} from {account.whose(account.client('cloudformation'))}")
        name, text = stack, fetch(stack, account.client)
    else:
        path = template or Path("template.yaml")
        name, text = str(path), read_template(path)
    findings = examine(text, name, rate=rate, record_bytes=record_bytes, key_rate=key_rate)
    findings += awaited.missing(stack, account.client) if stack else []
    print_findings(findings, name, console, lines=not stack)
    if findings:
        raise typer.Exit(FAILED)
