"""Several consumers of one input stream: a stack each, one model each, over the same events."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from threeways.emulator.resources import MOST_CONSUMERS
from threeways.errors import UsageError
from threeways.interrupts import interruptible
from threeways.local_run.consumers_console import consumers_screen, show_consumers
from threeways.local_run.folders import new_folder
from threeways.local_run.ledger import Ledger
from threeways.local_run.pauses import Pause, pausing
from threeways.local_run.pipeline import Options, write_run
from threeways.local_run.recorded import record
from threeways.local_run.result import ledger_of
from threeways.local_run.session import named_faults, run_sessions
from threeways.local_run.started import Consumer, prepared, started
from threeways.local_run.watch.publisher import Publisher
from threeways.scoring import tasks
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

_OF_ONE = ("model_location", "model_bucket", "model_sha256", "run_id", "model_name", "event_id")
"""Settings that name one model, or what its signature's task is called."""


def named(text: str, settings: Settings, fan_out: str | None = None) -> list[Consumer]:
    """Return the consumers of CONSUMERS, tasks with spaces or commas between them.

    `shadow=models:/my-model/7` is a further consumer, called `shadow`, of the task before it, with that
    model: it has an output stream and a quarantine of its own, so that it cannot harm the other.
    fan_out: those with enhanced fan-out, likewise. Raises UsageError for a task that there is not, a name
    that is there twice, settings that name one model for several, and what `fan_out` can't be.
    """
    if settings.task and tasks.words(text):
        raise UsageError("TASK= and CONSUMERS= both name tasks: give one of them")
    found: list[Consumer] = []
    for word in tasks.words(text):
        try:
            found.append(_named(word, settings, found[-1] if found else None))
        except UsageError as error:
            raise UsageError(f"CONSUMERS={text!r}: {error}") from None
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(
            f"CONSUMERS={text!r} names {twice} twice: a consumer's name is its task's; name each task once, "
            f"and another model of it as a shadow: shadow=models:/name/7"
        )
    given = [name.upper() for name in _OF_ONE if getattr(settings, name) is not None]
    if given and len(found) > 1:
        raise UsageError(
            f"{', '.join(given)} is of one model, and CONSUMERS={text!r} of {len(found)}: each serves its "
            f"task's registered model. Unset {', '.join(given)}, or name one consumer"
        )
    return _fanned_out(found, fan_out or "")


def _named(word: str, settings: Settings, before: Consumer | None) -> Consumer:
    """Return the consumer that a word names. before: the one named before it. Raises UsageError."""
    name, is_shadow, location = word.partition("=")
    if not is_shadow:
        return Consumer(tasks.find(word), msgspec.structs.replace(settings, task=word))
    if before is None or not location or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,59}", name):
        raise UsageError(
            f"{word!r} names no shadow: say the task first, and then its name and the model's, "
            "'my_task shadow=models:/my-model/7'"
        )
    own = msgspec.structs.replace(settings, task=before.settings.task, model_location=location)
    return Consumer(before.task, own, shadow=name)


def _fanned_out(consumers: list[Consumer], fan_out: str) -> list[Consumer]:
    chosen = tasks.words(fan_out)
    unknown = set(chosen) - {one.name for one in consumers}
    if unknown:
        raise UsageError(
            f"FAN_OUT={fan_out!r} names {', '.join(sorted(unknown))}, which is not among CONSUMERS: "
            f"{', '.join(one.name for one in consumers) or 'there are none'}"
        )
    twice = next((name for name in chosen if chosen.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"FAN_OUT={fan_out!r} names {twice} twice: name each consumer once")
    if len(set(chosen)) > MOST_CONSUMERS:
        raise UsageError(
            f"FAN_OUT names {len(set(chosen))} consumers; a stream has {MOST_CONSUMERS} with enhanced "
            "fan-out at most: let others poll"
        )
    return [replace(one, fan_out=one.name in chosen) for one in consumers]


def run(
    options: Options,
    consumers: Sequence[Consumer],
    find_model: Callable[[Settings], RegisteredModel],
    console: Console,
    local: Path,
    pauses: Sequence[Pause] = (),
) -> tuple[dict[str, Ledger], dict[str, UsageError]]:
    """Run several consumers on one input stream; return their ledgers, and why others were refused, by name.

    The first one's producer makes the events. A consumer whose model is refused leaves the others running.
    pauses: when which of them is paused. Writes `last-run.json` in the folder `local`. Raises UsageError
    where none can start.
    """
    made = prepared(options, consumers, find_model, console)
    folder = new_folder(local / "runs")
    with (
        named_faults(folder),
        interruptible() as stopping,
        started(made, options, console, folder) as up,
    ):
        say = partial(console.print, markup=False, highlight=False)
        with consumers_screen(console) as show, pausing(up.mappings, pauses, say):
            told = Publisher(folder, up.reasons)
            results = run_sessions(up.attached, options.rate, stopping, console, show, told)
    ledgers = {
        name: msgspec.structs.replace(ledger_of(result), model_uri=up.models[name].uri)
        for name, result in results.items()
    }
    record(folder, made.consumers, results)
    show_consumers(console, ledgers, results, up.refused, options.tolerate)
    write_run(folder, local, ledgers, up.reasons)
    return ledgers, up.refused
