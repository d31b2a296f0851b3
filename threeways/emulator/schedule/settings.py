"""A schedule's settings, from a template's Schedule or ScheduleV2 event.

docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedule.html and
docs.aws.amazon.com/serverless-application-model/latest/developerguide/sam-property-function-schedulev2.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from threeways.emulator.schedule.expression import parse
from threeways.errors import LocalError

type Kind = Literal["Schedule", "ScheduleV2"]
"""The event's Type: a rule of EventBridge, or EventBridge Scheduler's."""


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """The settings of a schedule. input: JSON, the event itself, or None for the service's own."""

    kind: Kind
    expression: str
    name: str
    zone: str = "UTC"
    input: str | None = None
    enabled: bool = True


class _Window(msgspec.Struct, forbid_unknown_fields=True):
    Mode: Literal["OFF"] = "OFF"


class _Common(msgspec.Struct, forbid_unknown_fields=True):
    """RetryPolicy and DeadLetterConfig are for what cannot be delivered, which does not happen here."""

    Input: str | None = None
    State: Literal["ENABLED", "DISABLED"] = "ENABLED"
    Name: str | None = None
    Description: str | None = None
    RetryPolicy: dict[str, int] | None = None
    DeadLetterConfig: dict[str, Any] | None = None
    RoleArn: str | None = None


class _Rule(_Common, forbid_unknown_fields=True, kw_only=True):
    Schedule: str
    Enabled: bool = True


class _Scheduler(_Common, forbid_unknown_fields=True, kw_only=True):
    ScheduleExpression: str
    ScheduleExpressionTimezone: str = "UTC"
    FlexibleTimeWindow: _Window | None = None
    OmitName: bool = False


def from_schedule(kind: Kind, properties: Mapping[str, Any], name: str) -> ScheduleSettings:
    """Return the settings of an event whose intrinsic functions are resolved. name: where it has none.

    Raises LocalError, naming the property, for anything that AWS would refuse or that is not supported here.
    """
    where = f"the {kind} event's"
    try:
        found: Any = msgspec.convert(
            dict(properties), _Rule if kind == "Schedule" else _Scheduler, strict=False
        )
    except msgspec.ValidationError as error:
        raise LocalError(
            f"{where} settings: {error}: see its page in the SAM specification; what it has and this has not"
            " can be tested on AWS"
        ) from None
    expression = found.Schedule if kind == "Schedule" else found.ScheduleExpression
    zone = "UTC" if kind == "Schedule" else found.ScheduleExpressionTimezone
    try:
        parse(expression, datetime.fromtimestamp(0, UTC), scheduler=kind == "ScheduleV2", zone=zone)
        json.loads(found.Input or "null")
    except json.JSONDecodeError:
        raise LocalError(f"{where} Input is not JSON, which a Lambda function's event has to be") from None
    except ValueError as error:
        raise LocalError(f"{where} expression {expression}: {error}") from None
    enabled = found.State == "ENABLED" and getattr(found, "Enabled", True)
    return ScheduleSettings(kind, expression, found.Name or name, zone, found.Input, enabled)
