"""A function's configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


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
