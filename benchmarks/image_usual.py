"""The usual image: boto3, MLflow and scikit-learn on AWS's base, and the usual handler (`usual.py`)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from threeways.docker import engine, images
from threeways.errors import EngineError

ROOT = Path(__file__).resolve().parents[1]
TAG = "three-ways-usual-bench"
FILES = ("usual.py", "usual_lambda.py")
DOCKERFILE = """\
FROM {base}
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
RUN pip install --root-user-action=ignore boto3 mlflow=={mlflow} scikit-learn=={sklearn} skops=={skops}
COPY {files} ./
CMD ["usual_lambda.lambda_handler"]
"""


def dockerfile() -> str:
    """Its recipe, with the versions that the lock has."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    del lock["_meta"]
    versions = {name: package.get("version", "") for part in lock.values() for name, package in part.items()}
    names = {"mlflow": "mlflow", "skops": "skops", "sklearn": "scikit-learn"}
    pinned = {key: versions[name].removeprefix("==") for key, name in names.items()}
    return DOCKERFILE.format(base=engine.BASE, files=" ".join(FILES), **pinned)


def build() -> None:
    """Build it; what has not changed is Docker's cache. Raises EngineError."""
    settings = images.pip_settings()
    arguments = [word for name in settings for word in ("--build-arg", name)]
    with tempfile.TemporaryDirectory() as context:
        for name in FILES:
            shutil.copy(ROOT / "benchmarks" / name, context)
        (Path(context) / "Dockerfile").write_text(dockerfile())
        done = subprocess.run(  # noqa: S603 - the user's docker
            ["docker", "build", "--tag", TAG, *arguments, context],  # noqa: S607
            env=os.environ | settings | {"DOCKER_BUILDKIT": "1" if engine.has("buildx") else "0"},
            stdout=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode:
        raise EngineError("the usual image does not build; its last lines say where")
