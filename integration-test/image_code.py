"""Ask code in an image, as Lambda would run it: without a network, a user that the image does not know."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from threeways.docker import engine
from threeways.emulator import container


def answer_of(image: str, code: str, variables: Mapping[str, str], folder: Path, mount: str) -> Any:
    """Run Python code in an image and return the JSON that its last line is.

    variables: of its environment. folder: on this machine. mount: where it is in the container, and how.
    """
    given = [word for name, value in variables.items() for word in ("--env", f"{name}={value}")]
    command = ["run", "--rm", "--network", "none", *container.AS_LAMBDA, *given]
    command += ["--volume", f"{folder}:{mount}", "--entrypoint", "python3", image, "-c", code]
    return json.loads(engine.docker(*command).splitlines()[-1])
