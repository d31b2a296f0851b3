"""Our images' sizes beside the usual one's: boto3, MLflow and scikit-learn installed onto the same base.

Builds all in this run, from the same base and the same package source, and writes `.local/image-size.json`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from threeways.docker import engine, images  # noqa: E402 - the path first
from threeways.errors import EngineError, UsageError  # noqa: E402

USUAL = "three-ways-usual"
DOCKERFILE = f"""\
FROM {engine.BASE}
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_TRUSTED_HOST
RUN pip install --root-user-action=ignore boto3 mlflow=={{mlflow}} scikit-learn=={{sklearn}}
COPY lambda_function.py model.py ./
CMD ["lambda_function.lambda_handler"]
"""


def build_usual() -> None:
    """The usual image, with the versions that the lock has. Raises EngineError."""
    lock = json.loads((ROOT / "Pipfile.lock").read_text())
    versions = {
        "mlflow": lock["develop"]["mlflow"]["version"].removeprefix("=="),
        "sklearn": lock["sklearn"]["scikit-learn"]["version"].removeprefix("=="),
    }
    settings = images.pip_settings()
    arguments = [word for name in settings for word in ("--build-arg", name)]
    done = subprocess.run(  # noqa: S603 - the user's docker
        ["docker", "build", "--tag", USUAL, "--file", "-", *arguments, str(ROOT)],  # noqa: S607
        input=DOCKERFILE.format(**versions).encode(),
        env=os.environ | settings | {"DOCKER_BUILDKIT": "1" if engine.has("buildx") else "0"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise EngineError("the usual image does not build; its last lines say where")


def main() -> int:
    """Build all and tell; 0, or 2 with the mend."""
    try:
        print("Building our images", flush=True)
        added = {target: images.added_mb(images.build(target=target)) for target in images.FUNCTIONS}
        print("Building the usual image: a minute", flush=True)
        build_usual()
        added["usual"] = images.added_mb(USUAL)
        base = engine.size(engine.BASE) / 1e6
        engine.docker("image", "rm", USUAL)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    ours = ", ".join(f"target {target} {added[target]:.0f} MB" for target in images.FUNCTIONS)
    print(f"over the base image ({base:.0f} MB): {ours}, the usual one {added['usual']:.0f} MB")
    local = ROOT / ".local"
    local.mkdir(exist_ok=True)
    measured = {"base_mb": base, **{f"{name}_mb": size for name, size in added.items()}}
    (local / "image-size.json").write_text(json.dumps(measured, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
