"""Pins the images' base by digest: `make base` writes it behind the tag in the Dockerfile. Needs Docker.

The digest is of the index of all architectures, so that x86-64 and arm64 are built from the same release.
docs.docker.com/reference/dockerfile/#from
"""

from __future__ import annotations

import json
import re
import subprocess
import sys

from setup_venv import ROOT, say

LINE = re.compile(r"^ARG BASE=([^\s@]+)(@sha256:[0-9a-f]{64})?$", re.MULTILINE)


def main() -> int:
    """Pull the tag and write its digest; 0, or 2 where the registry's digest cannot be had."""
    dockerfile = ROOT / "Dockerfile"
    text = dockerfile.read_text(encoding="utf-8")
    found = LINE.search(text)
    if not found:
        say("the Dockerfile has no line ARG BASE=repository:tag")
        return 2
    tag = found[1]
    try:
        pulled = _docker("pull", "--quiet", tag)
        said = _docker("image", "inspect", "--format", "{{json .RepoDigests}}", tag)
    except FileNotFoundError:
        say("there is no `docker` here: install Docker (docs.docker.com/engine/install) and start it")
        return 2
    digest = digest_of(said.stdout, tag) if pulled.returncode == said.returncode == 0 else None
    if digest is None:
        why = (pulled.stderr or said.stderr).strip() or "it was built on this machine"
        say(f"the digest of {tag} cannot be had: {why}")
        return 2
    dockerfile.write_text(pinned(text, digest), encoding="utf-8")
    say(f"Pinned: {tag}@{digest}" + ("" if found[2] in {None, f"@{digest}"} else f", before {found[2][1:]}"))
    return 0


def digest_of(said: str, tag: str) -> str | None:
    """Return the digest under which the tag's repository has an image, from `docker image inspect`."""
    repository = tag.rpartition(":")[0]
    names = [name.partition("@") for name in json.loads(said or "null") or []]
    return next((digest for of, _, digest in names if of == repository), None)


def pinned(text: str, digest: str) -> str:
    """Return the Dockerfile with the digest behind the base's tag."""
    return LINE.sub(lambda found: f"ARG BASE={found[1]}@{digest}", text)


def _docker(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=False)  # noqa: S603, S607


if __name__ == "__main__":
    sys.exit(main())
