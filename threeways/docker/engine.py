"""Docker's command line, as far as images and their containers need it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Mapping

from threeways import project
from threeways.errors import EngineError

TAG = "public.ecr.aws/lambda/python:3.13"
NAMES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
"""Docker's name of an architecture by the names that Lambda, the kernel and Docker have for it."""


def _base() -> str:
    """Return the images' base as the checkout's Dockerfile has it: its tag, and its digest where pinned."""
    dockerfile = project.ROOT / "Dockerfile"
    text = dockerfile.read_text(encoding="utf-8") if dockerfile.is_file() else ""
    found = re.search(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    return found[1] if found else TAG


BASE = _base()


def docker(*arguments: str, env: Mapping[str, str] | None = None, stdin: str | None = None) -> str:
    """Run `docker …` and return what it prints. Raises EngineError with what it complained about."""
    done = subprocess.run(  # noqa: S603 - the user's docker
        ["docker", *arguments],  # noqa: S607
        input=stdin, capture_output=True, text=True, check=False, env=env,
    )  # fmt: skip
    if done.returncode:
        raise EngineError(f"docker {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout.strip()


def missing() -> str | None:
    """Why no container engine can be used, with the mend; None where one can."""
    if shutil.which("docker") is None:
        return "there is no `docker` here: install Docker (docs.docker.com/engine/install) and start it"
    try:
        docker("version", "--format", "{{.Server.Version}}")
    except EngineError as error:
        return f"the Docker engine does not answer: start it, or join its group. {error}"
    return None


def require() -> None:
    """Require a running engine. Raises EngineError where there is none."""
    why = missing()
    if why:
        raise EngineError(why)


def has(plugin: str) -> bool:
    """Whether a plugin is there: `compose`; `buildx`, without which `docker build` is the classic builder."""
    try:
        docker(plugin, "version")
    except EngineError:
        return False
    return True


def machine() -> str:
    """Return the engine's architecture: `amd64` or `arm64`."""
    arch = docker("version", "--format", "{{.Server.Arch}}")
    return NAMES.get(arch, arch)


def exists(image: str) -> bool:
    """Whether there is such an image here."""
    return bool(docker("image", "ls", "--quiet", image))


def architecture(image: str) -> str:
    """Return the architecture that an image was built for. Raises EngineError where there is none."""
    try:
        return docker("image", "inspect", "--format", "{{.Architecture}}", image)
    except EngineError:
        raise EngineError(
            f"there is no image {image} here: `make image` builds one, `docker images` lists"
        ) from None


def require_runnable(image: str) -> None:
    """Require an image of this machine's architecture. Raises EngineError where it is of another."""
    built, here = architecture(image), machine()
    if built != here:
        raise EngineError(
            f"{image} was built for {built}, this machine runs {here}: build one with `make image "
            f"ARCH={'arm64' if here == 'arm64' else 'x86_64'}`, or run this where there is {built}"
        )


def size(image: str) -> int:
    """Bytes of an image's unpacked layers, which is what a function's 10 GB limit counts.

    Not `inspect`'s Size: engines with containerd's image store tell the compressed one there.
    """
    lines = docker("history", "--human=false", "--format", "{{.Size}}", image).splitlines()
    return sum(int(line) for line in lines)


def labels(image: str) -> dict[str, str]:
    """Return an image's labels."""
    return json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", image)) or {}


def inside(image: str, code: str, *options: str) -> str:
    """Run a Python program in a container that can write and reach nothing; return what it prints."""
    return docker(
        *("run", "--rm", "--network", "none", "--read-only", "--tmpfs", "/tmp", "--user", "12345:12345"),  # noqa: S108
        *("--entrypoint", "python3", *options, image, "-c", code),
    )
