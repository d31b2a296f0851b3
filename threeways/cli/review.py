"""`threeways review`: what waits for a person, and a person's verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape

from threeways.cli.errors import FAILED, called_by_make
from threeways.cli.prompts import agreed
from threeways.errors import UsageError
from threeways.interrupts import interruptible

if TYPE_CHECKING:
    from threeways.ops.review import Reviews

MOST = 50
"""Keys that are listed."""
SECONDS = 15.0
"""How long the join is waited for once a verdict is put: a batch's window and a decision."""


def review(
    key: Annotated[
        str | None, typer.Argument(help="The id of what is judged. Without one: list what waits.")
    ] = None,
    allow: Annotated[bool, typer.Option("--allow", help="Your verdict: it may stay.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Your verdict: it goes.")] = False,
    by: Annotated[str, typer.Option(help="Your name; it is kept with the decision.")] = "",
    because: Annotated[str, typer.Option(help="Why; the user is told.")] = "",
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve a page on 127.0.0.1 instead, until Ctrl-C.")
    ] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="The page's; 0: a free one.")] = 8091,
    join: Annotated[
        str | None, typer.Option(help="A short name, or a module that holds a `join`; default: the stack's.")
    ] = None,
    stack: Annotated[str | None, typer.Option(help="The join's stack, by name.")] = None,
    table: Annotated[str | None, typer.Option(help="The join's table, instead of a stack.")] = None,
    verdicts: Annotated[str | None, typer.Option(help="The stream of verdicts, instead of a stack.")] = None,
    region: Annotated[str | None, typer.Option(help="Default: the environment's.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a real account is touched.")] = False,
) -> None:
    """List what a join leaves to people, or give a person's verdict, which overrules the models'."""
    from threeways.ops.review import Reviews, located

    judged = allow or remove
    if allow and remove:
        raise UsageError("two verdicts are given, ALLOW=1 and REMOVE=1: give one of them")
    if key is None and (judged or by or because):
        raise UsageError("say which one your verdict is about: KEY=")
    if serve and (key is not None or judged):
        raise UsageError(
            "SERVE=1 is a page for all verdicts: leave it out, or leave out KEY= and the verdict"
        )
    if key is not None and not (judged and by and because):
        missing = [
            name
            for name, given in (("ALLOW=1 or REMOVE=1", judged), ("BY=", by), ("BECAUSE=", because))
            if not given
        ]
        raise UsageError(
            f"missing: {', '.join(missing)}; a verdict is ALLOW=1 or REMOVE=1, with BY=, your name, and "
            "BECAUSE=, why"
        )
    console = Console(highlight=False, soft_wrap=True)
    reviews = Reviews(located(join, stack, table, verdicts, region))
    writes = judged or serve
    if reviews.is_real:
        console.print(f"{'Verdicts go to' if writes else 'Reading'} {escape(reviews.whose)}")
        if writes and not yes and not agreed("Go on?"):
            raise UsageError("nothing was done")
    if serve:
        _serve(reviews, console, port)
    elif key is not None:
        _judge(reviews, console, key, "allow" if allow else "remove", by, because)
    else:
        _list(reviews, console)


def _list(reviews: Reviews, console: Console) -> None:
    """Print what waits, with why."""
    from threeways.ops.review import age_of, reason_of

    found, more = reviews.waiting(MOST)
    for one in found:
        told = ", ".join(f"{name} {value}" for name, value in one.subject.items() if name != reviews.join.id)
        console.print(f"[bold]{_plain(str(one.key))}[/]  waits for {age_of(one)}  {_plain(told[:200])}")
        console.print(f"    {_plain(reason_of(one))}")
    waiting = f"the first {MOST} that wait" if more else f"{len(found)} wait" + ("s" * (len(found) == 1))
    how = (
        "KEY= REMOVE=1 (or ALLOW=1) BY= BECAUSE="
        if called_by_make()
        else "KEY --remove (or --allow) --by NAME --because TEXT"
    )
    mend = f"; give a verdict: the same command with {how}" if found else ""
    console.print(f"{waiting} for a person in {escape(reviews.table)}{mend}")


def _plain(text: str) -> str:
    """Return a text of somebody else's so that a terminal shows it, and does nothing else."""
    return escape("".join(sign if sign.isprintable() else " " for sign in text))


def _judge(reviews: Reviews, console: Console, key: str, outcome: str, by: str, because: str) -> None:
    """Put a verdict, and print what became of it; exit status 1 where the join says nothing in time."""
    one = reviews.of(key)
    verdict = reviews.put(one.key, outcome, by, because)
    console.print(f"{verdict} is on {escape(reviews.stream)}")
    found = reviews.outcome(one.key, verdict, SECONDS)
    if found is None or found.decided is None:
        console.print(
            f"the join has not counted it within {SECONDS:g} s; it will when it goes on: is it paused?"
        )
        raise typer.Exit(FAILED)
    if found.revision == one.revision:
        console.print(f"it changes nothing: revision {found.revision} is {found.decided.outcome} already")
    else:
        console.print(f"revision {found.revision}: {found.decided.outcome}")


def _serve(reviews: Reviews, console: Console, port: int) -> None:
    from threeways.local_run.review.server import ReviewServer

    with interruptible() as stopping, ReviewServer(reviews, port) as server:
        console.print(f"Reviews of {escape(reviews.join.name)}: {server.url}")
        console.print(
            "It asks nobody who they are, and takes the name that is typed: let others reach it only through "
            "a proxy that authenticates them. Ctrl-C ends it."
        )
        stopping.wait()
