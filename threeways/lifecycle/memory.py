"""Whether there is memory for a second model beside the one that serves."""

from __future__ import annotations

from pathlib import Path

from threeways.errors import ArtifactUnsupported

BYTES_PER_BYTE = 6
"""What loading a model takes at its peak for each byte of its artifact; docs/life.md has measurements."""
LEAST = 32 * 2**20
"""And for any model."""
_COUNTED = ("RssAnon:", "RssShmem:")
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_KIB = 2**10


def held() -> int | None:
    """Return the bytes that this process holds; pages of mapped files can be dropped, and do not count."""
    found = [_number(line.split()[1]) for line in _lines("/proc/self/status") if line.startswith(_COUNTED)]
    return sum(one or 0 for one in found) * _KIB if found else None


def limit(function_megabytes: int | None) -> int | None:
    """Return the bytes that this process may hold: of its function, else its control group; None: unknown.

    docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (AWS_LAMBDA_FUNCTION_MEMORY_SIZE)
    """
    of_group = [found for path in _LIMITS for line in _lines(path) if (found := _number(line)) is not None]
    given = [function_megabytes * 2**20] if function_megabytes else []
    known = [one for one in (*of_group, *given) if one < 2**60]  # version 1 writes a huge number for no limit
    return min(known, default=None)


def needed(artifact_bytes: int, measured: float = 0.0) -> int:
    """Return the bytes that loading an artifact takes. measured: what the last load took for each byte."""
    return LEAST + round(artifact_bytes * max(BYTES_PER_BYTE, measured))


def require(need: int, most: int | None, now: int | None) -> None:
    """Raise ArtifactUnsupported where a second model has no room. most: `limit`'s. now: `held`'s."""
    if most is None or now is None or now + need <= most:
        return
    raise ArtifactUnsupported(
        f"the model is too big to be loaded beside the one that serves: it takes some {need / 2**20:.0f} MB, "
        f"{now / 2**20:.0f} MB are held, and {most / 2**20:.0f} MB are all; raise MemorySize "
        "(of a container: its limit), or deploy it"
    )


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []


def _number(text: str) -> int | None:
    return int(text) if text.strip().isdecimal() else None
