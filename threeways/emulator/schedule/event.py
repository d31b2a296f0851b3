"""The events of schedules.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html: of a rule, where `detail` is an
object. docs.aws.amazon.com/scheduler/latest/APIReference/API_Target.html: of Scheduler, a 'default
notification', whose form is not documented; `detail` is a text there. An Input replaces either, with
docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime

from threeways.emulator.schedule.settings import ScheduleSettings
from threeways.emulator.server import ACCOUNT


def arn_of(settings: ScheduleSettings, region: str) -> str:
    """Return the ARN of a rule, or of a schedule in Scheduler's default group."""
    if settings.kind == "Schedule":
        return f"arn:aws:events:{region}:{ACCOUNT}:rule/{settings.name}"
    return f"arn:aws:scheduler:{region}:{ACCOUNT}:schedule/default/{settings.name}"


def event_of(settings: ScheduleSettings, scheduled: float, region: str) -> bytes:
    """Return one occurrence's event as JSON. scheduled: epoch seconds."""
    time, execution = f"{datetime.fromtimestamp(scheduled, UTC):%Y-%m-%dT%H:%M:%SZ}", str(uuid.uuid4())
    arn, is_rule = arn_of(settings, region), settings.kind == "Schedule"
    if settings.input is not None:
        text = settings.input
        attributes = {
            "scheduled-time": time, "execution-id": execution, "schedule-arn": arn, "attempt-number": "1",
        }  # fmt: skip
        for name, value in {} if is_rule else attributes.items():
            text = text.replace(f"<aws.scheduler.{name}>", value)
        return text.encode()
    event = {
        "version": "0",
        "id": execution,
        "detail-type": "Scheduled Event",
        "source": "aws.events" if is_rule else "aws.scheduler",
        "account": ACCOUNT,
        "time": time,
        "region": region,
        "resources": [arn],
        "detail": {} if is_rule else "{}",
    }
    return json.dumps(event).encode()
