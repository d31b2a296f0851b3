"""The stacks of a life's run: the consumer that follows a pointer, and the challenger as its shadow."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from rich.console import Console

from threeways.emulator.endpoint import Endpoint
from threeways.emulator.resources import STACK
from threeways.lifecycle import promotion
from threeways.lifecycle.pointer import PointerStore, plain
from threeways.local_run import following
from threeways.local_run.consumer import RunningConsumer
from threeways.local_run.model_choice import resolved
from threeways.local_run.stack import RunningStack
from threeways.settings import Settings

if TYPE_CHECKING:
    from threeways.training.registry import RegisteredModel

BUCKET = "life-models"
POINTER = f"s3://{BUCKET}/champion.json"
FOLLOW_SECONDS = 1.0
"""How often the function asks for the pointer at most, in a run in which a day takes some seconds."""
BY = "make run LIFE=1"


def champion_of(folder: Path, model: RegisteredModel, console: Console, settings: Settings) -> RunningStack:
    """Return the consumer that serves: its function follows `champion.json`, which begins with the model."""
    settings = msgspec.structs.replace(settings, follow=POINTER, follow_seconds=FOLLOW_SECONDS)
    return RunningStack(folder, model, 1, console, settings=settings)


def promote(emulator: Endpoint, model: RegisteredModel, settings: Settings, because: str) -> None:
    """Upload a model and have the pointer name it, by one conditional write. Raises PointerMoved."""
    s3 = emulator.client("s3")
    store = PointerStore(s3, POINTER)
    held, task = store.read(), resolved(settings, model).task or ""
    new = following.uploaded(s3, BUCKET, model.folder, model.run_id, task, model.uri)
    signed = msgspec.structs.replace(new, by=BY, because=plain(because, 1_000))
    promotion.put(store, held.pointer, held.etag, signed)


def shadow_of(
    champion: RunningStack, model: RegisteredModel, folder: Path, console: Console, settings: Settings
) -> RunningConsumer:
    """Return a challenger's consumer of the same stream, whose predictions go to a stream of their own."""
    folder.mkdir()
    return RunningConsumer(
        folder,
        model,
        1,
        console,
        emulator=champion.emulator,
        settings=msgspec.structs.replace(settings, model_location=None, model_sha256=None, run_id=None),
        name=f"{STACK}-shadow",
        parameters={"InputStreamArn": champion.input_arn, "OutputStreamName": "shadow_predictions"},
    )
