"""The job as AWS calls it on a schedule: a Lambda function that EventBridge Scheduler invokes.

docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html. An interval must fit Lambda's 15
minutes; a run that is cut off leaves nothing behind, and the next one begins where the last success ended.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from threeways import artifact
from threeways.aws import secrets
from threeways.batch import layout
from threeways.batch.command import TOLERATED, opened_sink, opened_source
from threeways.batch.job import Asked, run
from threeways.batch.layout import Naming
from threeways.batch.model import service_of
from threeways.errors import ModelFailed, SettingsError
from threeways.settings import BatchSettings, Settings, from_environment


class TooManyQuarantined(ModelFailed):
    """A run is done and its rows are kept, but more of them were bad than it tolerates."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Run once, for `{}`, `{"last": "day", "lookback": "2d"}` or `{"from": …, "to": …}`.

    See `Asked`; `{}` is everything since the last success. The answer is the run's record. The environment
    says the rest: `BatchSettings`, and the model's variables of `Settings`; a secret's ARN stands for its
    text, which is read now. Raises UsageError, ModelFailed, or TooManyQuarantined after the rows are kept.
    """
    try:
        asked = msgspec.convert(event, Asked)
    except msgspec.ValidationError as error:
        raise SettingsError(f'the schedule\'s input: {error}; write {{}} or {{"last": "day"}}') from None
    settings, model = from_environment(BatchSettings), from_environment(Settings)
    events = settings.batch_events or settings.batch_rides
    if not (events and settings.batch_predictions):
        raise SettingsError(
            "BATCH_EVENTS and BATCH_PREDICTIONS say where events and predictions are; set both"
        )
    events = secrets.resolved(events, "BATCH_EVENTS")
    predictions = secrets.resolved(settings.batch_predictions, "BATCH_PREDICTIONS")
    naming = Naming(settings.batch_id, settings.batch_time, settings.batch_actual)
    folder: Path = artifact.fetch(artifact.find(model))
    service = service_of(folder, model, naming)
    ours, console = layout.of(service.declared, naming), Console(width=200)
    with (
        opened_source(events, settings.batch_table, ours, console) as source,
        opened_sink(predictions, ours) as sink,
    ):
        done = run(asked, source, sink, lambda: service, console).run
    if not done.good(TOLERATED):
        raise TooManyQuarantined(f"{done.quarantined:,} of {done.read:,} rows are in quarantine")
    told: dict[str, Any] = msgspec.to_builtins(done)
    return told
