"""What scores the records again: a function, and where it puts things."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from threeways.aws.invocation import EXITED, THROTTLED, FunctionError, InvocationResult
from threeways.errors import LocationError, SettingsError
from threeways.ops import account
from threeways.settings import JoinSettings, Settings, from_environment

LONGEST_SECONDS = 15 * 60
"""A Lambda function's longest timeout."""


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """Where a function puts things.

    quarantine: `s3://bucket/prefix`, None where it has none. version: the model's, as its messages name it;
    others' may be on the same stream. None: unknown, and any counts.
    """

    kinesis: Any
    s3: Any
    output_stream: str
    quarantine: str | None
    version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Target(Outputs):
    """A function and where it puts things.

    is_local: it is this project's own, beside its own emulator. real: whether any of it is in somebody's AWS
    account. invoke: as `LocalFunction.invoke`. model: which one it serves, for which task. join: the settings
    of a join's function, which has its outputs in a table.
    """

    name: str
    is_local: bool
    whose: str
    real: bool
    invoke: Callable[[bytes], InvocationResult]
    model: str = "its own model"
    join: JoinSettings | None = None


def deployed(name: str) -> Target:
    """Find a deployed function by its name, ARN or alias. Raises LocationError where it cannot be used.

    docs.aws.amazon.com/lambda/latest/api/API_GetFunctionConfiguration.html
    """
    # A call that was cut off may have been made: it is not for the SDK to make it again.
    client = account.client("lambda", read_timeout=LONGEST_SECONDS + 10, retries={"total_max_attempts": 1})
    with account.named_faults(f"FUNCTION={name} cannot be used"):
        configuration = client.get_function_configuration(FunctionName=name)
    variables = configuration.get("Environment", {}).get("Variables", {})
    try:
        settings = from_environment(Settings, variables)
        of_join = from_environment(JoinSettings, variables)
    except SettingsError as error:
        raise LocationError(f"FUNCTION={name} cannot be used: its {error}") from None
    if of_join.join_table_name:
        return _of_join(name, str(configuration["FunctionName"]), client, of_join)
    if settings.test_run or not settings.predictions_stream_name:
        raise LocationError(
            f"FUNCTION={name} puts no predictions anywhere (TEST_RUN, or no PREDICTIONS_STREAM_NAME): "
            "name one that does"
        )
    return _target(
        name,
        str(configuration["FunctionName"]),
        client,
        model=f"model {settings.model_location or settings.run_id or 'unknown'}, "
        f"task {settings.task or 'as the model says'}",
        output_stream=settings.predictions_stream_name,
        quarantine=settings.quarantine_location,
        # An alias may send invocations to two versions, each with a model of its own.
        version=settings.run_id if configuration.get("Version") == "$LATEST" else None,
    )


def _of_join(name: str, called: str, client: Any, settings: JoinSettings) -> Target:
    """Return a join's function; its records end in its table. Raises LocationError."""
    if not settings.decisions_stream_name:
        raise LocationError(f"FUNCTION={name} has no DECISIONS_STREAM_NAME: name a join's that has")
    return _target(
        name,
        called,
        client,
        model=f"join {settings.join}",
        output_stream=settings.decisions_stream_name,
        quarantine=settings.quarantine_location,
        join=settings,
    )


def _target(name: str, called: str, client: Any, **about: Any) -> Target:
    """Return a deployed function. name: as it was asked for, called: its own. about: its further fields."""
    kinesis, s3 = account.client("kinesis"), account.client("s3")
    return Target(
        name=f"the function {called}",
        is_local=False,
        whose=account.whose(client, kinesis, s3),
        real=account.is_real(client, kinesis, s3),
        invoke=lambda payload: _invoke(client, name, payload),
        kinesis=kinesis,
        s3=s3,
        **about,
    )


def _invoke(client: Any, name: str, payload: bytes) -> InvocationResult:
    """docs.aws.amazon.com/lambda/latest/api/API_Invoke.html; what goes wrong is in the result."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer = client.invoke(FunctionName=name, Payload=payload)
        body: bytes = answer["Payload"].read()
    except ClientError as error:
        code = error.response["Error"]["Code"]
        kind = THROTTLED if code == "TooManyRequestsException" else code
        return InvocationResult(error=FunctionError(kind, str(error)))
    except BotoCoreError as error:
        return InvocationResult(error=FunctionError(EXITED, str(error)))
    if answer.get("FunctionError"):
        return InvocationResult(
            error=FunctionError(answer["FunctionError"], body.decode(errors="replace")[:500])
        )
    return InvocationResult(payload=body)
