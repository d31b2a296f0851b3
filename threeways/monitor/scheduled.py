"""Monitoring as AWS calls it on a schedule: a Lambda function that EventBridge Scheduler invokes.

docs.aws.amazon.com/lambda/latest/dg/with-eventbridge-scheduler.html. It runs in the batch job's image.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

from threeways import artifact
from threeways.aws import clients, s3
from threeways.batch.model import service_of
from threeways.errors import SettingsError
from threeways.monitor.command import LAST_MONITOR, Options, run
from threeways.settings import MonitorSettings, Settings, from_environment

PAGE = "monitor.html"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the schedule's input says: see `Options`."""

    days: int = 28
    window: str = "day"


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Monitor once, for `{}` or `{"days": 28, "window": "week"}`; return how many findings there are.

    The environment says the rest: `MonitorSettings`, and the model's variables of `Settings`. The report and
    its figures replace the last ones. Raises UsageError.
    """
    try:
        asked = msgspec.convert(event, Asked)
    except msgspec.ValidationError as error:
        raise SettingsError(f'the schedule\'s input: {error}; write {{}} or {{"days": 28}}') from None
    settings, model = from_environment(MonitorSettings), from_environment(Settings)
    place = s3.parse(settings.monitor_reports or "")
    if not settings.monitor_counts or place is None:
        raise SettingsError("MONITOR_COUNTS and MONITOR_REPORTS are s3://bucket/prefix; set both")
    folder = artifact.fetch(artifact.find(model))
    service, client = service_of(folder, model), clients.client("s3")
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch)
        options = Options(
            settings.monitor_counts, labels=settings.monitor_labels, days=asked.days, window=asked.window,
            out=str(here / "tables"), html=here / PAGE,
        )  # fmt: skip
        made = run(options, service, folder, Console(width=200), here)
        for name, kind in ((PAGE, "text/html"), (LAST_MONITOR, "application/json")):
            body = (here / name).read_bytes()
            client.put_object(Bucket=place.bucket, Key=f"{place.folder}{name}", Body=body, ContentType=kind)
    return {
        "findings": len(made.findings), "judged": made.judged, "windows": made.windows,
        "report": f"{place.under(PAGE)}",
    }  # fmt: skip
