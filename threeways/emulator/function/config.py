"""A function's configuration, and the environment variables that follow from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from threeways.emulator.child import bare_environment

LATEST, FIRST_VERSION = "$LATEST", "1"
"""What is not published, and what the first deployment of an alias publishes."""


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """A Lambda function. timeout: seconds. memory: MB. root: the folder that its code is imported from.

    arn: what it is invoked by, which ends in an alias or a version where that is invoked:
    docs.aws.amazon.com/lambda/latest/dg/python-context.html (invoked_function_arn).
    """

    logical_id: str
    name: str
    handler: str
    timeout: float
    memory: int
    environment: dict[str, str]
    root: Path
    arn: str


def version_of(arn: str) -> str:
    """Return the version that an ARN invokes; of an alias the first one, which its deployment published."""
    qualifier = arn.partition(":function:")[2].partition(":")[2]
    if qualifier in {"", LATEST}:
        return LATEST
    return qualifier if qualifier.isdecimal() else FIRST_VERSION


def variables(config: FunctionConfig, given: Mapping[str, str], environment_id: str) -> dict[str, str]:
    """Return the complete environment of a process on Lambda, with nothing of ours but what it needs.

    docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime

    given: the emulator's variables; the function's own override them, and Lambda's reserved ones override
    both, except that a PYTHONPATH there follows the function's code.
    """
    version = version_of(config.arn)
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{environment_id.replace('-', '')}"
    reserved = {
        "_HANDLER": config.handler,
        "TZ": ":UTC",
        "AWS_LAMBDA_FUNCTION_NAME": config.name,
        "AWS_LAMBDA_FUNCTION_VERSION": version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(config.memory),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{config.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": stream,
        "LAMBDA_TASK_ROOT": str(config.root),
        "LAMBDA_RUNTIME_DIR": str(config.root),
    }
    made = {**bare_environment(), **given, **config.environment, **reserved}
    # Not reserved but extended, as that page says: the function's own folder comes first.
    further = given.get("PYTHONPATH"), config.environment.get("PYTHONPATH")
    return made | {"PYTHONPATH": os.pathsep.join(filter(None, (str(config.root), *further)))}
