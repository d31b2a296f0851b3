"""Builds the Lambda function's image and tells its size: what `make image` runs. Standard library only.

docs.aws.amazon.com/lambda/latest/dg/python-image.html
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import engine

ROOT = Path(__file__).resolve().parents[1]
TAG = "three-ways"
LIMIT_MB = 300
"""What the image may add to its base."""
PIP_SETTINGS = {
    "PIP_INDEX_URL": "global.index-url",
    "PIP_EXTRA_INDEX_URL": "global.extra-index-url",
    "PIP_TRUSTED_HOST": "global.trusted-host",
}
"""Build argument -> the same in pip's configuration."""


def build(tag: str = TAG, arch: str | None = None, *, target: str | None = None, quiet: bool = False) -> None:
    """Build the image. arch: `x86_64` or `arm64`; None: the engine's own. target: `web`; None: the function.

    Raises EngineError where the engine is missing or the build fails; then the old image stays.
    """
    engine.require()
    buildx = engine.has_buildx()
    # Lambda refuses an image with attestations beside it; the classic builder makes none.
    # docs.aws.amazon.com/lambda/latest/dg/python-image.html
    plain = ["buildx", "build", "--load", "--provenance=false", "--sbom=false"] if buildx else ["build"]
    command = ["docker", *plain, "--tag", tag]
    if arch:
        command += ["--platform", f"linux/{engine.NAMES[arch]}"]
    if target:
        command += ["--target", target]
    command += ["--build-arg", f"VERSION={version()}", "--build-arg", f"REVISION={revision()}"]
    settings = pip_settings()
    for name in settings:  # the value comes from the environment, and so is in no list of processes
        command += ["--build-arg", name]
    env = os.environ | settings | {"DOCKER_BUILDKIT": "1" if buildx else "0"}
    done = subprocess.run(  # noqa: S603 - the command above
        [*command, str(ROOT)], env=env, check=False, stdout=subprocess.DEVNULL if quiet else None
    )
    if done.returncode:
        raise engine.EngineError(_mend(arch))
    if not quiet:
        print(f"Built {tag} for {engine.architecture(tag)}, version {version()}, commit {revision()}")


def _mend(arch: str | None) -> str:
    other = arch is not None and engine.NAMES[arch] != engine.machine()
    return (
        "the build failed; its last lines say where.\n"
        f"  The base image, {engine.BASE}, cannot be pulled? `docker pull` tells more.\n"
        "  Packages cannot be fetched? Give pip's settings, PIP_INDEX_URL=… make image."
        + (f"\n  {arch} is not this machine's: buildx and QEMU are needed for it." if other else "")
    )


def version() -> str:
    """The project's version."""
    [found] = re.findall(
        r'^__version__ = "(.+)"$', (ROOT / "threeways" / "__init__.py").read_text(), re.MULTILINE
    )
    return str(found)


def revision() -> str:
    """The commit, with `-dirty` where what ships was changed since; `unknown` outside a checkout."""
    said = [_git("rev-parse", "HEAD"), _git("status", "--porcelain", "--", *SHIPS)]
    if not said[0]:
        return "unknown"
    return said[0] + ("-dirty" if said[1] else "")


SHIPS = (
    "Dockerfile",
    ".dockerignore",
    "Pipfile.lock",
    "lambda_function.py",
    "model.py",
    "web_service.py",
    "threeways",
    "tools/requirements.py",
    "tools/strip_packages.py",
)
"""What the build reads."""


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def pip_settings() -> dict[str, str]:
    """Where pip finds packages here, for the build: from its variables, else its configuration.

    Only what a container can reach: an index in a folder of this machine is left out.
    """
    found = {}
    for name, key in PIP_SETTINGS.items():
        value = os.environ.get(name) or _pip_config(key)
        reached = [part for part in value.split() if not part.startswith("file:")]
        if reached:
            found[name] = " ".join(reached)
    return found


def _pip_config(key: str) -> str:
    command = [sys.executable, "-m", "pip", "config", "get", key]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - pip itself
    return done.stdout.strip() if done.returncode == 0 else ""


def tell_size(tag: str = TAG) -> float:
    """Print what the image adds to its base; returns megabytes. Raises EngineError over the limit."""
    added = (engine.size(tag) - engine.size(engine.BASE)) / 1e6
    print(f"{tag}: {added:.0f} MB over its base ({engine.size(engine.BASE) / 1e6:.0f} MB)")
    if added > LIMIT_MB:
        raise engine.EngineError(f"that is over {LIMIT_MB} MB: see what grew with `docker history {tag}`")
    return added


def main(arguments: list[str]) -> int:
    """Build and tell; 0, or 2 with the mend on standard error."""
    parser = argparse.ArgumentParser(description="Build the Lambda function's image.")
    parser.add_argument("--tag")
    parser.add_argument("--target", choices=["web"], help="default: the function's")
    parser.add_argument("--arch", choices=["x86_64", "arm64"])
    given = parser.parse_args(arguments)
    began = time.monotonic()
    try:
        tag = given.tag or (f"{TAG}-{given.target}" if given.target else TAG)
        build(tag, given.arch, target=given.target)
        if given.target is None:
            tell_size(tag)
    except engine.EngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    following = "make invoke EVENT=mixed, or make integration-test"
    if given.target:
        following = f"docker run --publish 127.0.0.1:8080:8080 --env MODEL_LOCATION=s3://… {tag}"
    print(f"Ready in {time.monotonic() - began:.0f} s. Next: {following}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
