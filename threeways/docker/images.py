"""Builds the targets of the Dockerfile, and tells their sizes.

docs.aws.amazon.com/lambda/latest/dg/python-image.html
"""

from __future__ import annotations

import subprocess
import sys

from rich.console import Console

from threeways import __version__, project
from threeways.docker import engine
from threeways.errors import EngineError
from threeways.settings import inherited_environment

TAG = "three-ways"
FUNCTIONS = FUNCTION, FAST, FRAME = "function", "fast", "frame"
JOIN = "join"
LIMITS_MB = {FUNCTION: 300, FAST: 150, FRAME: 400, "web": 350, "batch": 550, JOIN: 25}
"""The Dockerfile's targets, the default one first, and what each may add to its base."""
PIP_SETTINGS = {
    "PIP_INDEX_URL": "global.index-url",
    "PIP_EXTRA_INDEX_URL": "global.extra-index-url",
    "PIP_TRUSTED_HOST": "global.trusted-host",
}
"""Build argument -> the same in pip's configuration."""


def tag_of(target: str) -> str:
    """Return the tag that the image of a target gets by default."""
    return TAG if target == FUNCTION else f"{TAG}-{target}"


def target_of(image: str) -> str:
    """Which of the function's targets an image was built of: its title tells. Raises EngineError."""
    title = engine.labels(image).get("org.opencontainers.image.title", "")
    for target in FUNCTIONS:
        if title == tag_of(target):
            return target
    raise EngineError(f"{image} is no image of the function: its title is {title!r}")


def build(
    tag: str | None = None,
    arch: str | None = None,
    *,
    target: str = FUNCTION,
    console: Console | None = None,
) -> str:
    """Build the image of a target and return its tag.

    arch: `x86_64` or `arm64`; None: the engine's own. console: told what was built; None: nothing is shown.
    Raises EngineError where the engine is missing or the build fails; then the old image stays. Raises
    UsageError outside of a checkout.
    """
    project.require_checkout("building an image")
    engine.require()
    tag = tag or tag_of(target)
    buildx = engine.has("buildx")
    # Lambda refuses an image with attestations beside it; the classic builder makes none.
    # docs.aws.amazon.com/lambda/latest/dg/python-image.html
    plain = ["buildx", "build", "--load", "--provenance=false", "--sbom=false"] if buildx else ["build"]
    command = ["docker", *plain, "--tag", tag, "--target", target]
    if arch:
        command += ["--platform", f"linux/{engine.NAMES[arch]}"]
    command += ["--build-arg", f"VERSION={__version__}", "--build-arg", f"REVISION={revision()}"]
    settings = pip_settings()
    for name in settings:  # the value comes from the environment, and so is in no list of processes
        command += ["--build-arg", name]
    env = inherited_environment() | settings | {"DOCKER_BUILDKIT": "1" if buildx else "0"}
    done = subprocess.run(  # noqa: S603 - the command above
        [*command, str(project.ROOT)], env=env, check=False, stdout=None if console else subprocess.DEVNULL
    )
    if done.returncode:
        raise EngineError(_mend(arch))
    if console:
        built = f"{tag} for {engine.architecture(tag)}, version {__version__}, commit {revision()}"
        console.out(f"Built {built}", highlight=False)
    return tag


def _mend(arch: str | None) -> str:
    other = arch is not None and engine.NAMES[arch] != engine.machine()
    return (
        "the build failed; its last lines say where.\n"
        f"  The base image, {engine.BASE}, cannot be pulled? `docker pull` tells more.\n"
        "  Packages cannot be fetched? Give pip's settings, PIP_INDEX_URL=… make image."
        + (f"\n  {arch} is not this machine's: buildx and QEMU are needed for it." if other else "")
    )


def revision() -> str:
    """Return the commit, with `-dirty` where what ships was changed since; `unknown` outside a checkout."""
    commit = _said("git", "rev-parse", "HEAD")
    changed = commit and _said("git", "status", "--porcelain", "--", *SHIPS)
    return f"{commit or 'unknown'}{'-dirty' if changed else ''}"


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


def _said(*command: str) -> str:
    """Return what a command prints in the project's folder; nothing where it fails or is not there."""
    try:
        done = subprocess.run(command, cwd=project.ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - git or pip
    except FileNotFoundError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def pip_settings() -> dict[str, str]:
    """Where pip finds packages here, for the build: from its variables, else its configuration.

    Only what a container can reach: an index in a folder of this machine is left out.
    """
    found = {}
    for name, key in PIP_SETTINGS.items():
        value = inherited_environment().get(name) or _said(sys.executable, "-m", "pip", "config", "get", key)
        reached = [part for part in value.split() if not part.startswith("file:")]
        if reached:
            found[name] = " ".join(reached)
    return found


def added_mb(tag: str) -> float:
    """Return what an image adds to its base, in megabytes."""
    return (engine.size(tag) - engine.size(engine.BASE)) / 1e6


def tell_size(tag: str, target: str, console: Console) -> None:
    """Print what the image adds to its base. Raises EngineError over the target's limit."""
    added, limit = added_mb(tag), LIMITS_MB[target]
    base = engine.size(engine.BASE) / 1e6
    told = f"{tag}: {added:.0f} MB over its base ({base:.0f} MB), at most {limit}"
    console.out(told, highlight=False)
    if added > limit:
        raise EngineError(f"that is over {limit} MB: see what grew with `docker history {tag}`")
