"""A function's configuration, and the environment variables that follow from it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from threeways.emulator.child import bare_environment


@dataclass(frozen=True, slots=True)
class FunctionConfig:
    """A Lambda function. timeout: seconds. memory: MB. root: the folder that its code is imported from."""

    logical_id: str
    name: str
    handler: str
    timeout: float
    memory: int
    environment: dict[str, str]
    root: Path
    arn: str


def variables(config: FunctionConfig, given: Mapping[str, str], environment_id: str) -> dict[str, str]:
    """Return the complete environment of a process on Lambda, with nothing of ours but what it needs.

    docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime

    given: the emulator's variables; the function's own override them, and Lambda's reserved ones override
    both, except that a PYTHONPATH there follows the function's code.
    """
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{environment_id.replace('-', '')}"
    reserved = {
        "_HANDLER": config.handler,
        "TZ": ":UTC",
        "AWS_LAMBDA_FUNCTION_NAME": config.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
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
